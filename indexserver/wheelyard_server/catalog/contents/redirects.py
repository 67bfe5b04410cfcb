"""Redirects: which files clients fetch directly from the storage, and by which URLs."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from wheelyard_server.catalog.contents.fill import Digested
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.settings import Listener

SHARED_SECONDS = 60
"""How long clients share a URL, which is valid for a few minutes."""
CACHED_BYTES = 4 * 1024**2
"""Memory for the URLs of a listener."""
_OVERHEAD = 500
"""Approximate memory of a URL in addition to its characters and those of its key."""

Presign = Callable[[str], Awaitable[str]]
"""Returns a URL whose bearer may read the object with this key for some minutes.

Raises `StorageUnavailableError` if there are no credentials to sign with.
"""


class _Location(NamedTuple):
    url: str
    made: float


class PresignedUrls:
    """URLs from which clients read objects; clients within a minute share a URL."""

    def __init__(self, presign: Presign, clock: Callable[[], float] = time.time) -> None:
        """`clock` must continue while the machine sleeps, since URLs expire then, too."""
        self._presign = presign
        self._clock = clock
        self._made: MemoryCache[str, _Location] = MemoryCache(CACHED_BYTES)

    async def of(self, key: str) -> str:
        """Return the URL of an object; raise `StorageUnavailableError` as `Presign` does."""
        url = self.cached(key)
        if url is None:
            # Not later than the signature, which starts the lifetime.
            made, url = self._clock(), await self._presign(key)
            self._made.put(key, _Location(url, made), len(key) + len(url) + _OVERHEAD)
        return url

    def cached(self, key: str) -> str | None:
        """Return the URL of an object if one was made recently."""
        location = self._made.get(key)
        if location is None or not 0 <= self._clock() - location.made < SHARED_SECONDS:
            return None
        return location.url


@dataclass(frozen=True, slots=True)
class FileRedirects:
    """The minimum size of redirected files, and the listeners whose clients are redirected."""

    min_bytes: int = 0
    cluster: PresignedUrls | None = None
    external: PresignedUrls | None = None

    def of(self, file: Digested, listener: Listener) -> PresignedUrls | None:
        """Return where a client of this listener finds a file; None if this server sends it."""
        if file.size < self.min_bytes:
            return None
        return self.external if listener is Listener.EXTERNAL else self.cluster
