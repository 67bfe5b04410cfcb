"""A zip file in which every byte belongs to exactly one member, the directory, or its end records.

So there are no gaps and no overlaps, and all readers see the same archive, whether they start at
the end or stream from the start.
"""

import os
import struct
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.catalog.inspection.inflate import DEFLATE, inflate, raw_chunks
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.paths import Kind, Tree
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.catalog.inspection.zip_directory import (
    DEFLATED,
    ZIP64_FIELD,
    Entry,
    decode_name,
    exactly,
    extra_fields,
    find_directory,
    read_entries,
    zip64_values,
)
from wheelyard_server.errors import InvalidUploadError

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_DESCRIPTOR, _DESCRIPTOR_64 = struct.Struct("<4s3L"), struct.Struct("<4sL2Q")


class ZipArchive:
    """The members of a zip file with a sound structure. Contents are checked when they are read."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits, findings: Findings) -> None:
        """Read the structure; raise `InvalidUploadError` unless all readers see the same archive."""
        size = file.seek(0, os.SEEK_END)
        _refuse_tar(file)
        directory = find_directory(file, size, findings)
        self._file = file
        self._findings = findings
        self.tree = Tree(limits, findings)
        self.files: dict[str, Entry] = {}
        entries = list(read_entries(file, directory, limits))
        limits.check_expansion(size, sum(entry.size for entry in entries))
        for entry in entries:
            self._add(entry)
        self._check_layout(entries, directory.offset)

    def _add(self, entry: Entry) -> None:
        self.tree.add(entry.name.removesuffix("/"), Kind.FOLDER if entry.is_folder else Kind.FILE)
        if not entry.is_folder:
            self.files[entry.name] = entry

    def _check_layout(self, entries: list[Entry], end: int) -> None:
        position = 0
        for entry in sorted(entries, key=lambda entry: entry.offset):
            if entry.offset != position:
                raise InvalidUploadError(
                    f"{shown(entry.name)} in the archive overlaps another member, or follows a gap"
                )
            content, descriptor = self._checked_header(entry)
            position = content + entry.compressed_size + descriptor
        if position != end:
            raise InvalidUploadError("The zip file has extra data before its central directory")

    def _checked_header(self, entry: Entry) -> tuple[int, int]:
        """Return the offset of a member's content, and the size of the descriptor after it.

        The local header must agree with the directory, or refer to a descriptor (section 4.3.9), as
        in a zip file that was written to a pipe.
        """
        self._file.seek(entry.offset)
        fields = _LOCAL_HEADER.unpack(exactly(self._file, _LOCAL_HEADER.size))
        signature, _, flags, method, _, _, crc, compressed, size, name_size, extra_size = fields
        name = decode_name(exactly(self._file, name_size), flags)
        extra = extra_fields(exactly(self._file, extra_size), name)
        size, compressed = zip64_values(extra, (size, compressed), name)
        local = Entry(name, flags, method, crc, compressed, size, entry.offset)
        expected = entry.undeclared() if entry.has_descriptor and not (crc or compressed or size) else entry
        if signature != b"PK\3\4" or local != expected:
            raise InvalidUploadError(f"The local header of {shown(entry.name)} contradicts the central directory")
        content = self._file.tell()
        return content, self._checked_descriptor(entry, content, is_zip64=ZIP64_FIELD in extra)

    def _checked_descriptor(self, entry: Entry, content: int, *, is_zip64: bool) -> int:
        """Return the size of the descriptor after a member's content, which must agree with the directory."""
        if not entry.has_descriptor:
            return 0
        self._findings.add(
            Rule.ZIP_DATA_DESCRIPTOR,
            f"{shown(entry.name)} in the archive has a data descriptor: write the zip to a file, not to a pipe",
        )
        descriptor = _DESCRIPTOR_64 if is_zip64 else _DESCRIPTOR
        self._file.seek(content + entry.compressed_size)
        found = descriptor.unpack(exactly(self._file, descriptor.size))
        if found != (b"PK\7\x08", entry.crc, entry.compressed_size, entry.size):
            raise InvalidUploadError(
                f"The data descriptor of {shown(entry.name)} contradicts the central directory, or has no signature"
            )
        return descriptor.size

    def content(self, entry: Entry) -> Iterator[bytes]:
        """Yield a member's content; raises `InvalidUploadError` unless it has its size and checksum."""
        # Its local header was checked before.
        return content(self._file, entry)

    def check_content(self, entry: Entry) -> None:
        """Read a member's content only to check its size and checksum."""
        for _ in self.content(entry):
            pass

    def read(self, name: str, limit: int) -> bytes:
        """Return a member's content; raise `InvalidUploadError` if it is missing or longer than `limit` bytes."""
        entry = self.files.get(name)
        if entry is None:
            raise InvalidUploadError(f"The archive has no {shown(name)}")
        if entry.size > limit:
            raise InvalidUploadError(f"{shown(name)} in the archive is larger than {limit} bytes")
        return b"".join(self.content(entry))


def content(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """Yield a member's content; raises `InvalidUploadError` unless it has its size and checksum.

    Only the length of its local header counts.
    """
    file.seek(entry.offset)
    *_, name_size, extra_size = _LOCAL_HEADER.unpack(exactly(file, _LOCAL_HEADER.size))
    file.seek(name_size + extra_size, os.SEEK_CUR)
    chunks = raw_chunks(file, entry.compressed_size)
    size = crc = 0
    for chunk in inflate(chunks, DEFLATE) if entry.method == DEFLATED else chunks:
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        if size > entry.size:
            break
        yield chunk
    if (size, crc) != (entry.size, entry.crc):
        raise InvalidUploadError(f"{shown(entry.name)} in the archive does not have the declared size or checksum")


def _refuse_tar(file: BinaryIO) -> None:
    """Refuse a zip file that starts like a tar archive: pip would extract one, uv the other."""
    file.seek(0)
    try:
        tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return
    raise InvalidUploadError("The file is both a zip file and a tar archive")
