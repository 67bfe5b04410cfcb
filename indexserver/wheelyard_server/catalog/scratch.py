"""Scratch space: uploads are received and hashed in memory if small, else on local disk, before they count."""

import asyncio
import fcntl
import hashlib
import io
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, BinaryIO, Protocol, TypeVar

from wheelyard_server.errors import FileTooLargeError

T = TypeVar("T")

_PREFIX = "upload-"
_READ_BYTES = 1024 * 1024


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


ALGORITHMS: dict[str, Callable[[], _Hash]] = {
    "md5": partial(hashlib.md5, usedforsecurity=False),
    "sha256": hashlib.sha256,
    "blake2_256": partial(hashlib.blake2b, digest_size=32),
    "blake2_512": hashlib.blake2b,
}
"""Hash functions by their names in the upload API."""
CHUNKS_AHEAD = 4
"""Maximum number of received chunks that are not yet written and hashed: network and disk vary in
speed."""
IN_ONE_THREAD_BYTES = 64 * 1024
"""Below this size, more threads cost more than they save, and for hashes alone even one does."""


@dataclass(frozen=True, slots=True)
class Received:
    """The complete file of an upload."""

    source: Path | bytes
    """Its bytes, or their path on local disk. The path is removed when the upload ends; the bytes
    never change."""
    size: int
    digests: Mapping[str, str]
    """Digests in lower-case hex by names of `ALGORITHMS`: sha256 and those requested at the
    start."""

    def open(self) -> BinaryIO:
        """Open the file for reading; blocks."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")

    def digest(self, algorithm: str) -> str:
        """Return another digest of `ALGORITHMS`, after reading the file again; blocks."""
        made = ALGORITHMS[algorithm]()
        with self.open() as file:
            while chunk := file.read(_READ_BYTES):
                made.update(chunk)
        return made.hexdigest()


class Receiver:
    """Writes and hashes one file while it arrives."""

    def __init__(self, new_file: Callable[[], IO[bytes]], limit: int, algorithms: Collection[str]) -> None:
        self._new_file = new_file
        self._file: IO[bytes] | None = None
        """None until bytes other than the last ones have arrived."""
        self._limit = limit
        self._size = 0
        self._writing = threading.Lock()
        self._hashes = {name: ALGORITHMS[name]() for name in {"sha256", *algorithms}}
        self._steps: list[Callable[[bytes], object]] = [each.update for each in self._hashes.values()]
        self._taking: deque[asyncio.Future[None]] = deque()
        """Chunks in progress; each starts when the one before it has ended."""

    async def write(self, chunk: bytes) -> None:
        """Add the next bytes, which may be written and hashed after this returns.

        Raises `FileTooLargeError` beyond the limit, and `OSError` if earlier bytes could not be
        written.
        """
        self._count(chunk)
        if self._file is None:
            self._file = self._new_file()
            self._steps.append(self._write)
        await self._begin(chunk)

    async def finish(self, last: bytes = b"") -> Received:
        """Add the last bytes and return the complete file; raises as `write`.

        If there were no other bytes, the file stays in memory.
        """
        self._count(last)
        if self._file is None and len(last) <= IN_ONE_THREAD_BYTES:
            self._take_in_turn(last)
        else:
            await self._begin(last)
            await self._taking[-1]
        digests = {name: each.hexdigest() for name, each in self._hashes.items()}
        source = last if self._file is None else Path(self._file.name)
        return Received(source, self._size, digests)

    def close(self) -> None:
        """Close the file, after waiting for a write that is still in progress if the upload was canceled."""
        if self._file is not None:
            with self._writing:
                self._file.close()

    def _count(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            raise FileTooLargeError(f"The file is larger than {self._limit} bytes, the maximum of this index")

    async def _begin(self, chunk: bytes) -> None:
        """Start to process a chunk, after those before it."""
        if len(self._taking) == CHUNKS_AHEAD:
            await self._taking.popleft()
        before = self._taking[-1] if self._taking else None
        self._taking.append(_watched(self._take(chunk, before)))

    async def _take(self, chunk: bytes, before: "asyncio.Future[None] | None") -> None:
        if before is not None:
            await before
        if len(chunk) > IN_ONE_THREAD_BYTES:
            await asyncio.gather(*(asyncio.to_thread(step, chunk) for step in self._steps))
        else:
            await asyncio.to_thread(self._take_in_turn, chunk)

    def _take_in_turn(self, chunk: bytes) -> None:
        for step in self._steps:
            step(chunk)

    def _write(self, chunk: bytes) -> None:
        assert self._file is not None  # noqa: S101 - this is a step only if there is a file
        rest = memoryview(chunk)
        with self._writing:
            while rest:
                rest = rest[self._file.write(rest) :]


def _watched(work: Awaitable[T]) -> "asyncio.Future[T]":
    """Start the work, whose result may never be retrieved if the upload ends early."""
    future = asyncio.ensure_future(work)
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


class Scratch:
    """A scratch folder, shared by the processes of a server."""

    def __init__(self, folder: Path, limit: int) -> None:
        """Use `folder` for files of up to `limit` bytes; remove leftovers of a crash.

        Files that another process is receiving are locked, so they stay.
        """
        self._folder = folder
        self._limit = limit
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError), leftover.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()

    def receiver(self, algorithms: Collection[str] = ()) -> AbstractContextManager[Receiver]:
        """Return a receiver for one file, which computes these digests and sha256, and finally removes the file."""
        return closing(Receiver(self.new_file, self._limit, algorithms))

    def new_file(self) -> IO[bytes]:
        """Create a file that is removed when it is closed."""
        file = NamedTemporaryFile(dir=self._folder, prefix=_PREFIX, buffering=0)  # noqa: SIM115 - its receiver closes it
        fcntl.flock(file, fcntl.LOCK_EX)
        return file
