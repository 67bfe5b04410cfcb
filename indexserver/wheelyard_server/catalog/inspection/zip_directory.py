"""The central directory of a zip file.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.3. `zipfile` tolerates files
in which two readers see two different archives. So this parses the records itself and tolerates
nothing.
"""

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.errors import InvalidUploadError

STORED, DEFLATED = 0, 8
_ZIP64_VERSION = 45
"""The version of the format that a reader must support; installers support no later one."""
UTF8_NAME = 0x0800
_ENCRYPTED, _DATA_DESCRIPTOR = 0x0001, 0x0008
_KNOWN_FLAGS = UTF8_NAME | _DATA_DESCRIPTOR | 0x0006  # the last ones are deflate's compression level
ZIP64_FIELD, _UNICODE_PATH_FIELD = 0x0001, 0x7075
MAX_16, MAX_32 = 0xFFFF, 0xFFFFFFFF

_END_SIGNATURE = b"PK\5\6"
_HEADER = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_EXTRA = struct.Struct("<2H")


@dataclass(frozen=True, slots=True)
class Entry:
    """A member of the archive, as described by the central directory."""

    name: str
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    offset: int
    """Offset of the local header."""

    @property
    def is_folder(self) -> bool:
        """Return whether this is a folder, not a file."""
        return self.name.endswith("/")

    @property
    def has_descriptor(self) -> bool:
        """Return whether sizes and checksum follow the content."""
        return bool(self.flags & _DATA_DESCRIPTOR)

    def undeclared(self) -> "Entry":
        """Return the entry as in a local header that leaves sizes and checksum to a descriptor."""
        return replace(self, crc=0, compressed_size=0, size=0)


class Directory(NamedTuple):
    """The position of the central directory, according to the end of the file."""

    entries: int
    size: int
    offset: int


def find_directory(file: BinaryIO, file_size: int, findings: Findings) -> Directory:
    """Return the position of the central directory; only end records and a comment may follow it."""
    start = _find_end(file, file_size)
    signature, disk, first_disk, here, total, size, offset, comment = _END.unpack(_at(file, start, _END.size))
    if signature != _END_SIGNATURE or start + _END.size + comment != file_size:
        raise InvalidUploadError("The file does not end like a zip file: it is damaged, or has trailing data")
    if comment:
        findings.add(Rule.ZIP_COMMENT, "The zip file has a comment: build it without one")
    if disk or first_disk or here != total:
        raise InvalidUploadError("The zip file is split into several disks")
    directory = Directory(total, size, offset)
    zip64 = _find_zip64_end(file, start)
    if zip64 is not None:
        start, directory = zip64.start, _agreed(directory, zip64.directory)
    if directory.offset + directory.size != start:
        raise InvalidUploadError("The zip file has extra data before its start or around its central directory")
    return directory


def _find_end(file: BinaryIO, file_size: int) -> int:
    """Return the offset of the end record: at the end of the file, or at its signature before a comment.

    Readers search it from the front or from the back. They find the same one if there is only one.
    """
    start = file_size - _END.size
    if _at(file, start, len(_END_SIGNATURE)) == _END_SIGNATURE:
        return start
    tail_start = max(0, start - MAX_16)
    tail = _at(file, tail_start, file_size - tail_start)
    if tail.count(_END_SIGNATURE) != 1:
        raise InvalidUploadError("The file does not end like a zip file: it is damaged, or has trailing data")
    return tail_start + tail.index(_END_SIGNATURE)


class _Zip64End(NamedTuple):
    start: int
    directory: Directory


def _find_zip64_end(file: BinaryIO, end: int) -> _Zip64End | None:
    locator = end - _END64_LOCATOR.size
    if locator < _END64.size:
        return None
    signature, disk, offset, disks = _END64_LOCATOR.unpack(_at(file, locator, _END64_LOCATOR.size))
    if signature != b"PK\6\7":
        return None
    start = locator - _END64.size
    fields = _END64.unpack(_at(file, start, _END64.size))
    here, total, size, directory_offset = fields[6:]
    # The record must immediately precede its locator, without extensible data.
    if fields[0] != b"PK\6\6" or offset != start or fields[1] != _END64.size - 12:
        raise InvalidUploadError("The zip file's zip64 end records contradict each other")
    if disk or disks > 1 or any(fields[4:6]) or here != total:
        raise InvalidUploadError("The zip file is split into several disks")
    return _Zip64End(start, Directory(total, size, directory_offset))


def _agreed(classic: Directory, zip64: Directory) -> Directory:
    """Return the zip64 values; a classic value must be the same, or refer to zip64 (CVE-2025-8291)."""
    for old, new, unknown in zip(classic, zip64, (MAX_16, MAX_32, MAX_32), strict=True):
        if old not in {new, unknown}:
            raise InvalidUploadError("The zip file's two end records contradict each other")
    return zip64


def read_entries(file: BinaryIO, directory: Directory, limits: ArchiveLimits) -> Iterator[Entry]:
    """Yield all entries in order; they must fill the directory exactly."""
    limits.check_members(directory.entries)
    if directory.size > limits.names_bytes:
        raise InvalidUploadError(f"The zip file's directory is larger than {limits.names_bytes} bytes")
    file.seek(directory.offset)
    left = directory.size
    for _ in range(directory.entries):
        entry, size = _read_entry(file)
        left -= size
        yield entry
    if left:
        raise InvalidUploadError("The zip file's count of members does not match its directory")


def _read_entry(file: BinaryIO) -> tuple[Entry, int]:
    fields = _HEADER.unpack(exactly(file, _HEADER.size))
    signature, _, needed, flags, method, _, _, crc, compressed, size = fields[:10]
    name_size, extra_size, comment_size, disk, _, attributes, offset = fields[10:]
    if signature != b"PK\1\2" or disk or needed > _ZIP64_VERSION:
        raise InvalidUploadError("The zip file's directory is damaged, or needs newer programs than pip")
    name = decode_name(exactly(file, name_size), flags)
    extra = extra_fields(exactly(file, extra_size), name)
    exactly(file, comment_size)
    size, compressed, offset = zip64_values(extra, (size, compressed, offset), name)
    entry = Entry(name, flags, method, crc, compressed, size, offset)
    _check(entry, attributes >> 16)
    return entry, _HEADER.size + name_size + extra_size + comment_size


def _check(entry: Entry, mode: int) -> None:
    for refused, complaint in (
        (entry.flags & _ENCRYPTED, "is encrypted"),
        # Readers that start at the front cannot see where such content ends.
        (entry.has_descriptor and entry.method != DEFLATED, "is stored uncompressed, with its size after it"),
        (entry.flags & ~_KNOWN_FLAGS, "has flags that no installer supports"),
        (entry.method not in {STORED, DEFLATED}, "is neither stored nor deflated, which few installers support"),
        (entry.method == STORED and entry.size != entry.compressed_size, "has two sizes"),
        (entry.is_folder and entry.compressed_size, "is a folder with content"),
        (stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}, "is a link or a device, not a file"),
        (stat.S_ISDIR(mode) and not entry.is_folder, "is marked as a folder, but its name does not end in a slash"),
    ):
        if refused:
            raise InvalidUploadError(f"{shown(entry.name)} in the archive {complaint}")


def decode_name(raw: bytes, flags: int) -> str:
    """Return a member's name; without the flag for UTF-8, readers differ on non-ASCII names."""
    try:
        return raw.decode("utf-8" if flags & UTF8_NAME else "ascii")
    except UnicodeDecodeError:
        raise InvalidUploadError(f"The name {shown(str(raw))} in the archive is not marked as UTF-8") from None


def extra_fields(raw: bytes, name: str) -> dict[int, bytes]:
    """Return the extra fields of a header by their ids."""
    fields: dict[int, bytes] = {}
    position = 0
    while position < len(raw):
        field, size = _EXTRA.unpack_from(raw, position) if len(raw) - position >= _EXTRA.size else (0, len(raw))
        start, position = position + _EXTRA.size, position + _EXTRA.size + size
        # A Unicode path is a second name, which some readers use and others ignore
        # (CVE-2025-54368).
        if position > len(raw) or field in fields or field == _UNICODE_PATH_FIELD:
            raise InvalidUploadError(f"{shown(name)} in the archive has damaged or ambiguous extra fields")
        fields[field] = raw[start:position]
    return fields


def zip64_values(extra: dict[int, bytes], values: tuple[int, ...], name: str) -> tuple[int, ...]:
    """Return the values, taking those that did not fit into 32 bits from the zip64 field.

    Bazel's wheels have all values in that field, also those that fit.
    """
    field = extra.get(ZIP64_FIELD, b"")
    if not field and MAX_32 not in values:
        return values
    present = [value == MAX_32 or len(field) == 8 * len(values) for value in values]
    if len(field) != 8 * sum(present):
        raise InvalidUploadError(f"{shown(name)} in the archive has a zip64 field that does not fit its header")
    large = iter(struct.unpack(f"<{sum(present)}Q", field))
    found = tuple(next(large) if there else value for value, there in zip(values, present, strict=True))
    if any(value not in {MAX_32, real} for value, real in zip(values, found, strict=True)):
        raise InvalidUploadError(f"{shown(name)} in the archive has a zip64 field that contradicts its header")
    return found


def exactly(file: BinaryIO, size: int) -> bytes:
    """Return the next `size` bytes; raise `InvalidUploadError` if there are fewer."""
    raw = file.read(size)
    if len(raw) != size:
        raise InvalidUploadError("The zip file is damaged or truncated")
    return raw


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    if offset < 0:
        raise InvalidUploadError("The file is too small for a zip file")
    file.seek(offset)
    return exactly(file, size)
