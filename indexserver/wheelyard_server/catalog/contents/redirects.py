"""Which files clients fetch from the storage itself, and where they find them there."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.model import File
from wheelyard_server.settings import Listener

SHARED_SECONDS = 60
"""For so long everybody who asks is given the same URL, whose life is a few minutes."""
CACHED_BYTES = 4 * 1024**2
"""Of memory, for the URLs of a listener."""
_OVERHEAD = 500
"""What one takes besides its own characters and those of its key, about."""

Presign = Callable[[str], Awaitable[str]]
"""Returns a URL by which whoever has it may read the object with this key for some minutes.

Raises `StorageUnavailableError` where there are no credentials to sign with.
"""


class _Location(NamedTuple):
    url: str
    made: float


class PresignedUrls:
    """URLs by which clients read objects: those who ask within a minute share one."""

    def __init__(self, presign: Presign, clock: Callable[[], float] = time.time) -> None:
        """Use a clock that goes on while a machine sleeps, as the life of a URL does."""
        self._presign = presign
        self._clock = clock
        self._made: MemoryCache[str, _Location] = MemoryCache(CACHED_BYTES)

    async def of(self, key: str) -> str:
        """Return the URL of an object; raise `StorageUnavailableError` as `Presign` does."""
        url = self.cached(key)
        if url is None:
            # No later than when it is signed, where its life begins.
            made, url = self._clock(), await self._presign(key)
            self._made.put(key, _Location(url, made), len(key) + len(url) + _OVERHEAD)
        return url

    def cached(self, key: str) -> str | None:
        """Return the URL of an object if one has been made a short time ago."""
        location = self._made.get(key)
        if location is None or not 0 <= self._clock() - location.made < SHARED_SECONDS:
            return None
        return location.url


@dataclass(frozen=True, slots=True)
class FileRedirects:
    """From which size on, and for the clients of which listeners. None of them, unless it is said."""

    min_bytes: int = 0
    cluster: PresignedUrls | None = None
    external: PresignedUrls | None = None

    def of(self, file: File, listener: Listener) -> PresignedUrls | None:
        """Return where a client of this listener finds a file; None if this server sends it."""
        if file.size < self.min_bytes:
            return None
        return self.external if listener is Listener.EXTERNAL else self.cluster
