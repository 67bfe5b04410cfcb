"""The members of a `.tar.gz` as a stream: nothing is extracted, and memory does not grow with the archive.

Accepts POSIX.1-2017 `pax` and the GNU long names of old sdists, in regular headers only
(`tar_header.py`), and in the order in which programs write them. Anything that two readers could
read differently is refused.
"""

import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from wheelyard_server.catalog.inspection.inflate import CHUNK_BYTES, GZIP, as_file, inflate, raw_chunks
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.paths import Kind
from wheelyard_server.catalog.inspection.tar_header import (
    BLOCK,
    FILE,
    FOLDER,
    GLOBAL_PAX,
    HARD_LINK,
    LONG_LINK,
    LONG_NAME,
    OLD_FILE,
    PAX,
    SYMBOLIC_LINK,
    Header,
    parse_header,
)
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.errors import InvalidUploadError

_EXTENSION_BYTES = 64 * 1024
_KINDS = {
    FILE: Kind.FILE,
    OLD_FILE: Kind.FILE,
    FOLDER: Kind.FOLDER,
    SYMBOLIC_LINK: Kind.LINK,
    HARD_LINK: Kind.LINK,
}
_LONG_NAMES = {LONG_NAME: "path", LONG_LINK: "linkpath"}
_PAX_RECORD = re.compile(rb"(\d{1,6}) ([^=\n]+)=")
# Sparse files and other character sets give a member a second meaning.
_FORBIDDEN_PAX = re.compile(r"hdrcharset|charset|GNU\..*|SCHILY\.(realsize|filetype)|SUN\.holesdata")


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file, folder or link. The target of a link is unparsed."""

    path: str
    kind: Kind
    is_symbolic_link: bool
    target: str
    size: int


class _Extensions:
    """The fields of the extended headers before a member."""

    def __init__(self) -> None:
        self.types: set[bytes] = set()
        self.fields: dict[str, str] = {}

    def add(self, type_: bytes, found: dict[str, str]) -> None:
        """Add an extended header; refuse a second one with the same field or type, on which readers disagree."""
        if type_ in self.types or found.keys() & self.fields.keys():
            raise InvalidUploadError("The tar archive gives a member two names, or two extended headers")
        if "size" in self.fields:
            raise InvalidUploadError("The tar archive has an extended header between a size and its member")
        self.types.add(type_)
        self.fields |= found


class TarArchive:
    """The members of a tar archive in order. The content of the current one can be read."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits) -> None:
        self._file = file
        self._limits = limits
        self._content_left = 0

    def members(self) -> Iterator[TarMember]:
        """Yield all members; raises `InvalidUploadError` unless the archive is well-formed to its end."""
        extensions = _Extensions()
        count = 0
        while (block := self._read(BLOCK)) != bytes(BLOCK):
            self._limits.check_members(count := count + 1)
            header = parse_header(block)
            if header.type == GLOBAL_PAX:
                self._check_global(header, is_first=count == 1)
            elif header.type in {PAX, *_LONG_NAMES}:
                extensions.add(header.type, self._extension(header))
            else:
                yield self._member(header, extensions.fields)
                self._skip_content()
                extensions = _Extensions()
        if extensions.types:
            raise InvalidUploadError("The tar archive ends where a member should follow")
        self._expect_zeros()

    def read(self, member: TarMember, limit: int) -> bytes:
        """Return the content of the current member, which must be at most `limit` bytes long."""
        if member.size > limit:
            raise InvalidUploadError(f"{shown(member.path)} in the archive is larger than {limit} bytes")
        self._content_left -= member.size
        return self._read(member.size)

    def _check_global(self, header: Header, *, is_first: bool) -> None:
        """Check a global header. git writes the commit into one, before all members; names do not belong there."""
        if not is_first or self._extension(header).keys() - {"comment"}:
            raise InvalidUploadError(
                "The tar archive may only have one global header, with a comment, at its start"
            )

    def _extension(self, header: Header) -> dict[str, str]:
        """Return the fields of an extended header for the next member."""
        if header.size > _EXTENSION_BYTES:
            raise InvalidUploadError("The tar archive has an extended header that is too large")
        raw = self._read(_padded(header.size))[: header.size]
        if header.type in _LONG_NAMES:
            return {_LONG_NAMES[header.type]: _text(raw.removesuffix(b"\0"))}
        return _pax_records(raw)

    def _member(self, header: Header, extensions: dict[str, str]) -> TarMember:
        path, kind = extensions.get("path", _text(header.name)), _KINDS.get(header.type)
        if kind is None:
            raise InvalidUploadError(f"{shown(path)} in the archive is neither a file, a folder nor a link")
        # uv's build backend repeats every size in an extended header. One that differs hides
        # members from readers that ignore it (CVE-2025-62518).
        if extensions.get("size", str(header.size)) != str(header.size):
            raise InvalidUploadError(f"{shown(path)} in the archive has two sizes")
        if kind is not Kind.FILE and header.size:
            raise InvalidUploadError(f"{shown(path)} in the archive has content, but is not a file")
        self._content_left = _padded(header.size)
        target = extensions.get("linkpath", _text(header.link_name))
        path = path.removesuffix("/") if kind is Kind.FOLDER else path
        return TarMember(path, kind, header.type == SYMBOLIC_LINK, target, header.size)

    def _skip_content(self) -> None:
        while self._content_left:
            step = min(self._content_left, CHUNK_BYTES)
            self._read(step)
            self._content_left -= step

    def _expect_zeros(self) -> None:
        """Read to the end: only zeros may follow the block of zeros that ends the archive."""
        while chunk := self._file.read(CHUNK_BYTES):
            if chunk.count(0) != len(chunk):
                raise InvalidUploadError("The tar archive has data after its end")

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise InvalidUploadError("The tar archive is truncated")
        return data


def open_tar_gz(file: BinaryIO, limits: ArchiveLimits) -> TarArchive:
    """Open a `.tar.gz`; raise `InvalidUploadError` if it is also a zip file."""
    if zipfile.is_zipfile(file):
        raise InvalidUploadError("The file is named .tar.gz, but zip programs can read it, too")
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    chunks = _bounded(inflate(raw_chunks(file, size), GZIP), size, limits)
    return TarArchive(as_file(chunks), limits)


def _bounded(chunks: Iterator[bytes], compressed: int, limits: ArchiveLimits) -> Iterator[bytes]:
    """Yield the chunks; raise `InvalidUploadError` for a decompression bomb."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        limits.check_expansion(compressed, total)
        yield chunk


def _pax_records(raw: bytes) -> dict[str, str]:
    """Return the records of an extended header; each is a line `LENGTH KEYWORD=VALUE`."""
    records: dict[str, str] = {}
    position = 0
    while position < len(raw):
        match = _PAX_RECORD.match(raw, position)
        end = position + int(match[1]) if match else 0
        if not match or end <= match.end() or raw[end - 1 : end] != b"\n":
            raise InvalidUploadError("The tar archive has a damaged extended header")
        keyword = _text(match[2])
        if keyword in records or _FORBIDDEN_PAX.fullmatch(keyword):
            raise InvalidUploadError(
                f"An extended header of the tar archive has a repeated or forbidden keyword {shown(keyword)}"
            )
        records[keyword], position = _text(raw[match.end() : end - 1]), end
    return records


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
