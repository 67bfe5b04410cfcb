"""One stream from the storage into a file of the cache, which any number of readers follow."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import FileIO
from typing import IO

from wheelyard_server.catalog.contents.verified_streams import verify_stream
from wheelyard_server.model import File
from wheelyard_server.storage import Storage

CHUNK_BYTES = 256 * 1024
"""Memory per reader."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the storage."""

    storage: Storage
    key: str
    file: File

    async def chunks(self) -> AsyncIterator[bytes]:
        """Stream the whole file, verified on the way: a file with a wrong digest never arrives completely."""
        chunks = await self.storage.open(self.key, 0, self.file.size, is_whole=True)
        return verify_stream(chunks, self.file.sha256, self.key)


class Fill:
    """Writes a stored file to `part`. It continues after its readers have left, for the next reader."""

    def __init__(self, stored: Stored, part: IO[bytes]) -> None:
        self._stored = stored
        self._part = part
        self._written = 0
        self._failure: Exception | None = None
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Write the file; when this returns, it is complete and verified.

        Raises `StorageError` as the storage does, and `OSError` if the disk fails, which readers
        survive.
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

        Raises `StorageError` if the storage failed before the first byte. The last bytes arrive
        only after the whole file was verified.
        """
        chunks = self._read(FileIO(os.dup(self._part.fileno())))
        # Started here, the generator closes its file even if it is never resumed.
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
        """Wait for bytes after `position` and return their end; `position` itself means that the disk failed."""
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
                    break  # The disk failed, but the storage did not.
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
    """Return some of these bytes; no bytes if the disk fails."""
    try:
        return os.pread(file.fileno(), end - start, start)
    except OSError:
        return b""


async def _after(position: int, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the bytes from `position` on."""
    async for chunk in chunks:
        if position < len(chunk):
            yield chunk[position:]
        position = max(0, position - len(chunk))
