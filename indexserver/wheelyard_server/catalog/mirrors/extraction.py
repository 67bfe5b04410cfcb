"""Core metadata from a wheel of which only some parts are read: its directory, and METADATA itself."""

import asyncio
import io
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import BinaryIO

from wheelyard_server.catalog.inspection.findings import Findings
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.metadata import parse_metadata
from wheelyard_server.catalog.inspection.zip_archive import content
from wheelyard_server.catalog.inspection.zip_directory import Entry, find_directory, read_entries
from wheelyard_server.errors import InvalidUploadError
from wheelyard_server.names import DistributionFilename, FileType, belongs_to, parse_filename
from wheelyard_server.settings import Accept

TAIL_BYTES = 256 * 1024
"""Wheels have their directory at the end, and METADATA usually just before it: most take one request."""
REQUEST_BYTES = 256 * 1024
MAX_REQUESTS = 64
"""Requests for one wheel, which may have a directory of several MiB."""
_METADATA = re.compile(r"([^/]+)\.dist-info/METADATA")

ReadRange = Callable[[int, int], Awaitable[bytes]]
"""Returns the bytes from a start up to, but not including, an end."""


def read_metadata(file: BinaryIO, filename: str, limits: ArchiveLimits) -> bytes:
    """Return METADATA of a wheel, byte for byte; blocks.

    Raises `InvalidUploadError` if there is none that belongs to this filename.
    """
    parsed, findings = parse_filename(filename), Findings(Accept.INSTALLABLE)
    if parsed.filetype is not FileType.WHEEL:
        raise InvalidUploadError("Only wheels have METADATA that can be read without building them")
    directory = find_directory(file, file.seek(0, os.SEEK_END), findings)
    found = [entry for entry in read_entries(file, directory, limits) if _METADATA.fullmatch(entry.name)]
    if len(found) != 1 or not _belongs(found[0], parsed):
        raise InvalidUploadError(f"The wheel has {len(found)} METADATA files, and needs one of its own")
    if found[0].size > limits.metadata_bytes:
        raise InvalidUploadError(f"METADATA in the wheel is larger than {limits.metadata_bytes} bytes")
    raw = b"".join(content(file, found[0]))
    return parse_metadata(raw, parsed, findings).raw


async def read_metadata_by_ranges(size: int, read: ReadRange, filename: str, limits: ArchiveLimits) -> bytes:
    """Return METADATA of a wheel of this size, of which only some ranges are read.

    No thread waits for the upstream: other work needs it. The wheel is read again from its
    beginning with each range that was missing. Raises as `read_metadata`, and the errors of `read`.
    """
    ranges: dict[int, bytes] = {}
    for _ in range(MAX_REQUESTS):
        file = io.BufferedReader(_Ranges(size, ranges), REQUEST_BYTES)
        try:
            return await asyncio.to_thread(read_metadata, file, filename, limits)
        except _MissingRangeError as missing:
            start, end = missing.start, missing.end
        ranges[start] = await read(start, end)
    raise InvalidUploadError("The directory of the wheel is too large to be read in parts")


def _belongs(entry: Entry, filename: DistributionFilename) -> bool:
    return belongs_to(entry.name.partition(".dist-info/")[0], filename)


class _MissingRangeError(Exception):
    """These bytes of a file are needed, and not there yet."""

    def __init__(self, start: int, end: int) -> None:
        super().__init__(start, end)
        self.start, self.end = start, end


class _Ranges(io.RawIOBase):
    """A file of which some ranges are there, by their start. A read of any other raises `_MissingRangeError`."""

    def __init__(self, size: int, ranges: Mapping[int, bytes]) -> None:
        self._size = size
        self._ranges = ranges
        self._position = 0
        self._tail_start = max(0, size - TAIL_BYTES)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Read the next bytes; return their number."""
        chunk = self._range(self._position, min(self._size, self._position + len(buffer)))
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def _range(self, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        tail = self._there(self._tail_start, self._size)
        if start >= self._tail_start:
            return tail[start - self._tail_start : end - self._tail_start]
        return self._there(start, min(end, self._tail_start))

    def _there(self, start: int, end: int) -> bytes:
        found = self._ranges.get(start, b"")
        if len(found) < end - start:
            raise _MissingRangeError(start, end)
        return found[: end - start]
