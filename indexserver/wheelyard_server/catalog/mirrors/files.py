"""The bytes of mirrored files: from memory, the local disk or the storage if they are kept, else from upstream."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from io import FileIO
from typing import NamedTuple

from wheelyard_server.catalog.contents.content import Content, Contents
from wheelyard_server.catalog.contents.fill import Fills, Opened
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.contents.verified_streams import closed, started
from wheelyard_server.catalog.counts import Counts, MirrorEvent, Source
from wheelyard_server.catalog.mirrors.doubts import Doubts
from wheelyard_server.catalog.mirrors.listed_file import Kept, ListedFile
from wheelyard_server.catalog.mirrors.transfers import Arrivals, Handling, Transfer
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import (
    DamagedObjectError,
    StorageError,
    UpstreamAnswerError,
    UpstreamBytesError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.storage import layout
from wheelyard_server.upstream import FileStream, Upstream, WantedPart

SIZES_BYTES = 1024**2
"""Memory for sizes that only the upstream knows."""
_SIZE_BYTES = 300


class MirroredContent(NamedTuple):
    """A whole file of an upstream, or a part of it."""

    content: Content
    size: int | None
    """Size of the whole file in bytes; None if only the end of the stream shows it."""
    is_fetched: bool = False
    """Whether the upstream sends it now, and it is not kept."""


class Fetching(NamedTuple):
    """How files are fetched from upstreams."""

    upstreams: Mapping[str, Upstream]
    """By their names."""
    arrivals: Arrivals
    max_bytes: int
    """Maximum size of a file."""
    on_missing: Callable[[ListedFile], None] = lambda _: None
    """Is called if an upstream lacks a file that it lists."""


class MirroredFiles:
    """Opens files of upstreams. One transfer serves all clients of a file that is not kept."""

    def __init__(
        self,
        contents: Contents,
        fills: Fills,
        fetching: Fetching,
        counts: Counts,
        clock: MonotonicClock = time.monotonic,
    ) -> None:
        self._contents = contents
        self._fills = fills
        self._fetching = fetching
        self._counts = counts
        self._doubts = Doubts(clock)
        self._handling = Handling(fetching.arrivals, fetching.max_bytes, self._record)
        self._sizes: MemoryCache[str, int] = MemoryCache(SIZES_BYTES)
        self._damaged: MemoryCache[Kept, bool] = MemoryCache(SIZES_BYTES)
        """By digest and size: a document may name a wrong size."""

    async def open(self, listed: ListedFile) -> MirroredContent:
        """Open a whole file.

        The last 64 KiB of a stream arrive only after all bytes were verified, and the digest of a
        file without one was written into its document. Raises `UpstreamError`.
        """
        kept = None if listed.identity in self._fills.running else await self._kept(listed, 0, listed.file.size)
        if kept is not None:
            return MirroredContent(kept, listed.file.size)
        opened = await self._fetched(listed)
        return MirroredContent(opened.chunks, opened.size, is_fetched=True)

    async def open_part(self, listed: ListedFile, start: int, end: int) -> MirroredContent:
        """Open a file's bytes from `start` up to, but not including, `end`.

        Parts of files that are not kept come from the upstream as they are: they fill nothing and
        cannot be verified. Raises `UpstreamError`.
        """
        kept = await self._kept(listed, start, end)
        if kept is not None:
            return MirroredContent(kept, listed.file.size)
        return MirroredContent(await self._fetched_part(listed, start, end), listed.file.size, is_fetched=True)

    async def _fetched_part(self, listed: ListedFile, start: int, end: int) -> Content:
        self._counts.file_reads[Source.UPSTREAM] += 1
        stream = await self._asked(listed, start, end)
        if stream.start == start:
            return _part(stream.chunks, 0, end - start, listed)
        async with closed(stream.chunks):
            pass
        # An upstream without ranges: one whole transfer serves all parts.
        return _part((await self._fetched(listed)).chunks, start, end, listed)

    async def read_part(self, listed: ListedFile, start: int, end: int) -> bytes:
        """Return a file's bytes from `start` up to, but not including, `end`; see `open_part`."""
        return await _read((await self.open_part(listed, start, end)).content, start, end)

    async def read_kept_part(self, listed: ListedFile, start: int, end: int) -> bytes:
        """Do the same without asking the upstream; raise `UpstreamFileMissingError` if the file is not kept."""
        kept = await self._kept(listed, start, end)
        if kept is None:
            raise UpstreamFileMissingError(listed.upstream, f"is not asked for {listed.file.filename}")
        return await _read(kept, start, end)

    async def read_small(self, listed: ListedFile, url: str, max_bytes: int) -> bytes:
        """Return a small object that belongs to a file; raise `UpstreamError`."""
        self._counts.file_reads[Source.UPSTREAM] += 1
        return await self._upstream(listed).read(url, max_bytes)

    async def size(self, listed: ListedFile) -> int | None:
        """Return a file's size in bytes, asking its upstream if need be; None if that does not know it either."""
        if listed.file.size is not None:
            return listed.file.size
        size = self._sizes.get(listed.url)
        if size is not None:
            return size
        stream = await self._asked(listed, 0, 1)
        async with closed(stream.chunks):
            if stream.size is not None:
                self._sizes.put(listed.url, stream.size, len(listed.url) + _SIZE_BYTES)
            return stream.size

    async def _kept(self, listed: ListedFile, start: int, end: int | None) -> Content | None:
        """Open bytes that are kept; None if they are not, or cannot be read now."""
        kept = listed.kept
        if kept is None or self._damaged.get(kept):
            return None
        try:
            content = await self._contents.open(
                layout.mirrored(kept.sha256), kept, start, kept.size if end is None else end
            )
        except StorageError:
            return None  # Also if the storage fails: the upstream has the bytes, too.
        return content if isinstance(content, bytes | FileIO) else self._watched(kept, content)

    async def _watched(self, kept: Kept, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield kept bytes; if they are damaged, the next client gets those of the upstream, which replace them."""
        try:
            async with closed(chunks):
                async for chunk in chunks:
                    yield chunk
        except DamagedObjectError:
            self._damaged.put(kept, True, _SIZE_BYTES)
            raise

    async def _fetched(self, listed: ListedFile) -> Opened:
        """Fetch a file; if its bytes were wrong before a client got any, once more over a new connection."""
        self._doubts.check(listed)
        is_retry = listed.identity in self._doubts
        try:
            return await self._transferred(listed)
        except UpstreamBytesError:
            if is_retry:
                raise
        return await self._transferred(listed)

    async def _transferred(self, listed: ListedFile) -> Opened:
        is_shared = listed.identity in self._fills.running
        self._counts.file_reads[Source.SHARED if is_shared else Source.UPSTREAM] += 1
        transfer = Transfer(
            listed, self._upstream(listed), self._handling, is_retry=listed.identity in self._doubts
        )
        try:
            followed = await self._fills.follow(transfer)
            return followed or Opened(await started(await transfer.chunks()), transfer.size)
        except UpstreamFileMissingError:
            self._fetching.on_missing(listed)
            raise

    def _record(self, listed: ListedFile, is_right: bool) -> None:  # noqa: FBT001 - what it records
        self._doubts.record(listed.identity, is_right=is_right)
        if is_right and listed.kept is not None:
            self._damaged.drop(listed.kept)
        if not is_right and listed.file.conflict:
            self._fetching.on_missing(listed)
        self._counts.mirrored[MirrorEvent.FETCHED if is_right else MirrorEvent.WRONG_BYTES] += 1

    async def _asked(self, listed: ListedFile, start: int, end: int) -> FileStream:
        try:
            return await self._upstream(listed).open(listed.url, WantedPart(start, end))
        except UpstreamFileMissingError:
            self._fetching.on_missing(listed)
            raise

    def _upstream(self, listed: ListedFile) -> Upstream:
        upstream = self._fetching.upstreams.get(listed.upstream)
        if upstream is None:
            raise UpstreamUnavailableError(listed.upstream, "is not configured any more, and this file is not kept")
        return upstream


async def _read(content: Content, start: int, end: int) -> bytes:
    """Return the bytes of an opened part."""
    if isinstance(content, bytes):
        return content[start:end]
    if isinstance(content, FileIO):
        with content:
            return await asyncio.to_thread(os.pread, content.fileno(), end - start, start)
    async with closed(content) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def _part(chunks: AsyncIterator[bytes], start: int, end: int, listed: ListedFile) -> AsyncIterator[bytes]:
    """Yield the bytes of a stream from `start` up to, but not including, `end`."""
    position = 0
    async with closed(chunks):
        async for chunk in chunks:
            wanted = chunk[max(0, start - position) : end - position]
            position += len(chunk)
            if wanted:
                yield wanted
            if position >= end:
                return
    raise UpstreamAnswerError(listed.upstream, f"sent less of {listed.file.filename} than was asked for")
