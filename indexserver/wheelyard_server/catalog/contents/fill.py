"""One stream from the storage into a file of the cache, which any number of readers follow."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import FileIO
from typing import IO

from wheelyard_server.catalog.contents.digests import verify_stream
from wheelyard_server.model import File
from wheelyard_server.storage import Storage

CHUNK_BYTES = 256 * 1024
"""What one reader holds in memory."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as it lies in the storage."""

    storage: Storage
    key: str
    file: File

    async def chunks(self) -> AsyncIterator[bytes]:
        """Stream the whole file, checked on its way: bytes that are not right never arrive complete."""
        chunks = await self.storage.open(self.key, 0, self.file.size, is_whole=True)
        return verify_stream(chunks, self.file.sha256, self.key)


class Fill:
    """Writes a stored file to `part`. It goes on when its readers have gone: the next one finds it done."""

    def __init__(self, stored: Stored, part: IO[bytes]) -> None:
        self._stored = stored
        self._part = part
        self._written = 0
        self._failure: Exception | None = None
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Write the file; when this returns, it is whole and its digest was right.

        Raises `StorageError` as the storage does, and `OSError` where the disk fails: for the readers that is
        no failure.
        """
        try:
            async for chunk in await self._stored.chunks():
                await asyncio.to_thread(self._append, chunk)
                await self._notify(written=self._written + len(chunk))
        except Exception as error:
            await self._notify(failure=error)
            raise

    async def follow(self) -> AsyncIterator[bytes]:
        """Stream the file from its first byte, as fast as it is written.

        Raises `StorageError` if the storage failed before there was any. The last bytes arrive only when the
        digest of all of them was right.
        """
        chunks = self._read(FileIO(os.dup(self._part.fileno())))
        # Begun here, it closes its file also where nobody comes for the rest.
        return _resumed(await anext(chunks, b""), chunks)

    def _append(self, chunk: bytes) -> None:
        self._part.write(chunk)
        self._part.flush()

    async def _notify(self, *, written: int = 0, failure: Exception | None = None) -> None:
        async with self._changed:
            self._written = max(self._written, written)
            self._failure = failure
            self._changed.notify_all()

    async def _beyond(self, position: int) -> int:
        """Wait for bytes after `position` and return up to where; `position` itself says that the disk failed."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._written > position or self._failure is not None)
        if self._written <= position and self._failure is not None and not isinstance(self._failure, OSError):
            raise self._failure
        return self._written

    async def _read(self, file: FileIO) -> AsyncIterator[bytes]:
        position = 0
        with file:
            while position < self._stored.file.size:
                end = min(await self._beyond(position), position + CHUNK_BYTES)
                chunk = await asyncio.to_thread(_read_at, file, position, end)
                if not chunk:
                    break  # The disk failed, the storage did not.
                yield chunk
                position += len(chunk)
        if position < self._stored.file.size:
            async for chunk in _after(position, await self._stored.chunks()):
                yield chunk


async def _resumed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _read_at(file: FileIO, start: int, end: int) -> bytes:
    """Return some of these bytes; none if the disk does not give any."""
    try:
        return os.pread(file.fileno(), end - start, start)
    except OSError:
        return b""


async def _after(position: int, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Leave out the bytes before `position`."""
    async for chunk in chunks:
        if position < len(chunk):
            yield chunk[position:]
        position = max(0, position - len(chunk))
