"""One stream from a storage or an upstream into a local file, which any number of readers follow."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from wheelyard_server.catalog.contents.verified_streams import closed, started, verify_stream
from wheelyard_server.errors import ObjectNotFoundError, WheelyardError
from wheelyard_server.storage import Storage

log = logging.getLogger(__name__)

MIN_CHUNK_BYTES, MAX_CHUNK_BYTES = 64 * 1024, 256 * 1024
"""Each reader has one chunk in memory, and the next one for a moment."""
READERS_BYTES = 8 * 1024**2
"""Memory for one chunk of each reader of a fill: many readers get smaller chunks."""


class Digested(Protocol):
    """A file whose bytes are known by their digest."""

    @property
    def sha256(self) -> str:
        """Return the digest of the whole file, in lower-case hex."""
        ...

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        ...


class Source(Protocol):
    """Where the bytes of a file come from."""

    @property
    def name(self) -> str:
        """Return a description for the log."""
        ...

    @property
    def identity(self) -> str:
        """Return a key that sources of the same bytes share."""
        ...

    @property
    def sha256(self) -> str:
        """Return the digest of the whole file; "" until the end of `chunks` if it is not known before."""
        ...

    @property
    def size(self) -> int | None:
        """Return the size in bytes; None until `chunks` returned, or has ended, if it is not known before."""
        ...

    async def chunks(self) -> AsyncIterator[bytes]:
        """Stream the whole file, the last bytes only after all of them were verified. May be called again.

        Raises `StorageError` or `UpstreamError`.
        """
        ...

    async def arrived(self, path: Path) -> None:
        """Use the whole file, which was verified, before its path may change. Raises nothing."""
        ...


class Room(Protocol):
    """Space on a local disk for one file."""

    file: IO[bytes]

    async def reserve(self, size: int) -> None:
        """Reserve space for this many bytes in total; raise `OSError` if there is not enough."""
        ...

    def keep(self, sha256: str, size: int) -> None:
        """Make the complete file available, if it is one that stays; raise `OSError`."""
        ...

    def close(self) -> None:
        """Give back the reservation, and remove the file unless it was kept."""
        ...


NewRoom = Callable[[int | None], Room | None]
"""Returns room for a file of this size, or of an unknown size; None if there is none."""


class Opened(NamedTuple):
    """A stream of a whole file."""

    chunks: AsyncIterator[bytes]
    size: int | None
    """In bytes; None if only the end of the stream shows it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in the storage."""

    storage: Storage
    key: str
    file: Digested

    @property
    def name(self) -> str:
        """See `Source.name`."""
        return self.key

    @property
    def identity(self) -> str:
        """See `Source.identity`."""
        return self.file.sha256

    @property
    def sha256(self) -> str:
        """See `Source.sha256`."""
        return self.file.sha256

    @property
    def size(self) -> int:
        """See `Source.size`."""
        return self.file.size

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Source.chunks`: a file with a wrong digest never arrives completely."""
        chunks = await self.storage.open(self.key, 0, self.file.size, is_whole=True)
        return verify_stream(chunks, self.file.sha256, self.key)

    async def arrived(self, path: Path) -> None:
        """Do nothing: the storage has the file."""


class Fill:
    """Writes a file into its room. It continues after its readers have left, for the next reader."""

    def __init__(self, source: Source, room: Room) -> None:
        self.source = source
        self._room = room
        self._written = 0
        self._is_complete = False
        self._failure: Exception | None = None
        self._readers = 0
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Write the file; when this returns, it is complete and verified.

        Raises the errors of the source, and `OSError` if the disk fails, which readers survive.
        """
        try:
            async with closed(await self.source.chunks()) as chunks:
                await self._room.reserve(self.source.size or 0)
                async for chunk in chunks:
                    await self._room.reserve(self._written + len(chunk))
                    await asyncio.to_thread(self._append, chunk)
                    await self._notify(written=self._written + len(chunk))
            await self._notify(is_complete=True)
        except Exception as error:
            await self._notify(failure=error)
            raise

    async def follow(self) -> AsyncIterator[bytes]:
        """Stream the file from its first byte, as fast as it is written.

        Raises the error of the source if it failed before the first byte. The last bytes arrive
        only after the whole file was verified.
        """
        chunks = self._read(FileIO(os.dup(self._room.file.fileno())))
        # Started here, the generator closes its file even if it is never resumed.
        return await started(chunks)

    def _append(self, chunk: bytes) -> None:
        self._room.file.write(chunk)
        self._room.file.flush()

    async def _notify(
        self, *, written: int = 0, is_complete: bool = False, failure: Exception | None = None
    ) -> None:
        async with self._changed:
            self._written = max(self._written, written)
            self._is_complete = is_complete
            self._failure = failure
            self._changed.notify_all()

    async def _beyond(self, position: int) -> int:
        """Wait for bytes after `position` and return their end; `position` itself means that there are none.

        Then the file is complete, or the disk failed.
        """
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._written > position or self._is_complete or self._failure is not None
            )
        if self._written <= position and self._failure is not None and not isinstance(self._failure, OSError):
            raise self._failure
        return self._written

    @property
    def _chunk_bytes(self) -> int:
        return min(max(READERS_BYTES // self._readers, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES)

    @contextmanager
    def _counted_as_reader(self) -> Iterator[None]:
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    async def _read(self, file: FileIO) -> AsyncIterator[bytes]:
        position = 0
        with file, self._counted_as_reader():
            while (end := min(await self._beyond(position), position + self._chunk_bytes)) > position:
                chunk = await asyncio.to_thread(_read_at, file, position, end)
                if not chunk:
                    break  # The disk failed, but the source did not.
                yield chunk
                position += len(chunk)
        if not self._is_complete or position < self._written:
            async with closed(await self.source.chunks()) as chunks:
                async for chunk in _after(position, chunks):
                    yield chunk


class Running(NamedTuple):
    """A fill in progress."""

    fill: Fill
    task: asyncio.Task[None]


class Fills:
    """Fills in progress: one for all clients of the same bytes."""

    def __init__(self, places: Sequence[NewRoom]) -> None:
        """`places` are asked for room in this order."""
        self._places = places
        self.running: dict[str, Running] = {}
        """By the identity of the source."""

    async def follow(self, source: Source) -> Opened | None:
        """Stream a whole file while it is written, once for all clients; None: there is no room for it.

        Raises the error of the source if it failed before the first byte.
        """
        running = self.running.get(source.identity) or self._begin(source)
        if running is None:
            return None
        chunks = await running.fill.follow()
        return Opened(chunks, running.fill.source.size)

    def _begin(self, source: Source) -> Running | None:
        room = next((room for place in self._places if (room := place(source.size)) is not None), None)
        if room is None:
            return None
        fill = Fill(source, room)
        running = self.running[source.identity] = Running(fill, asyncio.create_task(self._run(fill, room)))
        return running

    async def _run(self, fill: Fill, room: Room) -> None:
        source, identity = fill.source, fill.source.identity
        try:
            await fill.run()
            await source.arrived(Path(room.file.name))
            room.keep(source.sha256, source.size or 0)
        except OSError as error:
            log.warning("The local disk could not store %s: %s", source.name, error)
        except ObjectNotFoundError:
            log.debug("There is no %s", source.name)  # Each reader learns it.
        except WheelyardError as error:
            log.warning("The whole of %s did not arrive: %s", source.name, error)
        finally:
            del self.running[identity]
            with suppress(OSError):
                room.close()


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
