"""Which files clients fetch from the storage itself, and where they find them there."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from wheelyard_server.catalog.bounded import Bounded
from wheelyard_server.catalog.documents import Seconds
from wheelyard_server.model import File

SHARED_SECONDS = 60
"""For so long everybody who asks is given the same URL, whose life is a few minutes."""
CACHED_BYTES = 4 * 1024**2
"""Of memory, for the URLs of a listener."""

Presign = Callable[[str], Awaitable[str]]
"""Returns a URL by which whoever has it may read the object with this key for some minutes.

Raises `StorageUnavailableError` where there are no credentials to sign with.
"""


class _Location(NamedTuple):
    url: str
    made: float


class Locations:
    """URLs by which clients read objects: one is made for all who ask for it within a minute."""

    def __init__(self, presign: Presign, clock: Seconds = time.monotonic) -> None:
        self._presign = presign
        self._clock = clock
        self._made: Bounded[str, _Location] = Bounded(CACHED_BYTES)

    async def of(self, key: str) -> str:
        """Return the URL of an object; raise `StorageUnavailableError` as `Presign` does."""
        url = self.at_hand(key)
        if url is None:
            # Its life begins when it is signed, at the earliest.
            made, url = self._clock(), await self._presign(key)
            self._made.put(key, _Location(url, made), len(key) + len(url))
        return url

    def at_hand(self, key: str) -> str | None:
        """Return the URL of an object if one has been made a short time ago."""
        location = self._made.get(key)
        if location is None or self._clock() - location.made >= SHARED_SECONDS:
            return None
        return location.url


@dataclass(frozen=True, slots=True)
class Redirects:
    """From which size on, and for the clients of which listeners. None of them, unless it is said."""

    min_bytes: int = 0
    cluster: Locations | None = None
    external: Locations | None = None

    def of(self, file: File, *, is_outside: bool) -> Locations | None:
        """Return where a client of this listener finds a file; None: it is sent by us."""
        return (self.external if is_outside else self.cluster) if file.size >= self.min_bytes else None
