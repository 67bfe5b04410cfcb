"""A file on its way from an upstream: verified before its last bytes go on."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from wheelyard_server.catalog.contents.verified_streams import closed
from wheelyard_server.catalog.mirrors.listed_file import Kept, ListedFile
from wheelyard_server.errors import UpstreamAnswerError, UpstreamBytesError
from wheelyard_server.upstream import FileStream, Upstream

HELD_BACK_BYTES = 64 * 1024
"""The end of a file that no client gets before all bytes were verified."""


class Arrivals(Protocol):
    """What happens with files that arrive."""

    async def pin(self, listed: ListedFile, kept: Kept) -> object:
        """Make these the only bytes that this index will ever serve as this file; raise if they cannot be."""
        ...

    async def arrived(self, listed: ListedFile, kept: Kept, path: Path) -> None:
        """Keep the bytes, if possible. Raises nothing."""
        ...


class Handling(NamedTuple):
    """How transfers are handled."""

    arrivals: Arrivals
    max_bytes: int
    """Maximum size of a file."""
    record: Callable[[ListedFile, bool], None]
    """Is called with whether the bytes were right, each time that all of them came."""


class Transfer:
    """A whole file of an upstream. See `Source` in `contents/fill.py`."""

    def __init__(
        self, listed: ListedFile, upstream: Upstream, handling: Handling, *, is_retry: bool = False
    ) -> None:
        """`is_retry`: the bytes of the last transfer were wrong, so use a new connection."""
        self.name = f"{listed.file.filename} of the upstream {listed.upstream}"
        self.identity = listed.identity
        self.sha256 = listed.file.sha256
        self.size = listed.file.size
        self._listed = listed
        self._upstream = upstream
        self._handling = handling
        self._is_retry = is_retry

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Source.chunks`."""
        stream = await self._upstream.open(
            self._listed.url, is_retry=self._is_retry, is_verified=bool(self._listed.file.sha256)
        )
        try:
            self._check_size(stream.size)
        except UpstreamAnswerError:
            async with closed(stream.chunks):
                raise
        return self._verified(stream)

    async def arrived(self, path: Path) -> None:
        """See `Source.arrived`."""
        await self._handling.arrivals.arrived(self._listed, Kept(self.sha256, self.size or 0), path)

    def _check_size(self, size: int | None) -> None:
        listed = self._listed.file.size
        if size is not None and listed is not None and size != listed:
            raise self._wrong(f"lists {listed} bytes of {self._listed.file.filename} and sends {size}")
        self.size = listed if size is None else size
        self._check_max(self.size or 0)

    def _check_max(self, size: int) -> None:
        if size > self._handling.max_bytes:
            name, maximum = self._listed.file.filename, self._handling.max_bytes
            raise UpstreamAnswerError(
                self._listed.upstream, f"has {name} with more than {maximum} bytes, the maximum"
            )

    async def _verified(self, stream: FileStream) -> AsyncIterator[bytes]:
        """Yield the bytes as they come, but the last ones only after all of them are known to be right."""
        digests = _Digests(self._listed)
        received, held = 0, b""
        async with closed(stream.chunks) as chunks:
            async for chunk in chunks:
                digests.update(chunk)
                received, held = received + len(chunk), held + chunk
                self._check_max(received)
                free = (received if self.size is None else self.size) - HELD_BACK_BYTES - received + len(held)
                if free > 0:
                    yield held[:free]
                    held = held[free:]
        await self._accept(Kept(digests.sha256, received), digests.problem(received, self.size))
        if held:
            yield held

    async def _accept(self, found: Kept, problem: str) -> None:
        if problem:
            raise self._wrong(problem)
        if not self._listed.file.sha256:
            await self._handling.arrivals.pin(self._listed, found)
        self.sha256, self.size = found
        self._handling.record(self._listed, True)

    def _wrong(self, reason: str) -> UpstreamBytesError:
        self._handling.record(self._listed, False)
        return UpstreamBytesError(self._listed.upstream, reason)


class _Digests:
    """The digests of the bytes that have come."""

    def __init__(self, listed: ListedFile) -> None:
        self._file = listed.file
        self._sha256 = hashlib.sha256()
        algorithm, _, self._other_wanted = listed.file.other_hash.partition("=")
        self._other = _new_hash(algorithm)

    def update(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        if self._other is not None:
            self._other.update(chunk)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def problem(self, received: int, size: int | None) -> str:
        """Return why these are not the bytes that the upstream lists; "" if they are."""
        name = self._file.filename
        if size is not None and received != size:
            return f"sent {received} of the {size} bytes of {name}"
        if self._file.sha256 and self.sha256 != self._file.sha256:
            return f"sent {name} with the SHA-256 {self.sha256}, but lists {self._file.sha256}"
        if self._other is not None and self._other.hexdigest() != self._other_wanted:
            return f"sent {name} with another digest than {self._file.other_hash}, which it lists"
        return ""


def _new_hash(algorithm: str) -> "hashlib._Hash | None":
    """Return a hash of this algorithm; None for those that are unknown or have no fixed length."""
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        return None
    return hashlib.new(algorithm, usedforsecurity=False)
