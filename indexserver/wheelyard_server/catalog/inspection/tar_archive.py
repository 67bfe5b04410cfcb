"""The members of a `.tar.gz`, streamed: nothing is extracted, and memory does not grow with the archive.

POSIX.1-2017 `pax`, and the GNU long names that old sdists have. `tarfile` takes the first sign of damage for the
end of the archive and keeps all members in memory, so only its reading of a single header is used.
"""

import os
import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from wheelyard_server.catalog.inspection.inflate import CHUNK_BYTES, GZIP, as_file, inflate, raw_chunks
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.paths import Kind
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.errors import InvalidUploadError

_BLOCK = tarfile.BLOCKSIZE
_EXTENSION_BYTES = 64 * 1024
_KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.AREGTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.FOLDER,
    tarfile.SYMTYPE: Kind.LINK,
    tarfile.LNKTYPE: Kind.LINK,
}
_LONG_NAMES = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_PAX_RECORD = re.compile(rb"(\d{1,6}) ([^=\n]+)=")
# Sparse files and other character sets are second opinions on what a member is.
_FORBIDDEN_PAX = re.compile(r"hdrcharset|charset|GNU\.sparse\..*|SCHILY\.realsize|SUN\.holesdata")


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file, folder or link. A link has its target as the archive spells it."""

    path: str
    kind: Kind
    is_symbolic_link: bool
    target: str
    size: int


class TarArchive:
    """The members of a tar archive in their order; a file's content may be read while it is the current one."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits) -> None:
        self._file = file
        self._limits = limits
        self._content_left = 0

    def members(self) -> Iterator[TarMember]:
        """Yield all members; raises `InvalidUploadError` unless the archive goes on well-formed to its end."""
        extensions: dict[str, str] = {}
        count = 0
        while (block := self._read(_BLOCK)) != bytes(_BLOCK):
            self._limits.check_members(count := count + 1)
            header = _parse_header(block)
            found = self._read_extensions(header)
            if found is None:
                yield self._member(header, extensions)
                self._skip_content()
                extensions = {}
            elif found.keys() & extensions.keys():
                raise InvalidUploadError("The tar archive gives a member two names")
            elif "size" in extensions:
                raise InvalidUploadError("The tar archive has an extended header between a size and its member")
            else:
                extensions |= found
        if extensions:
            raise InvalidUploadError("The tar archive ends where a member should follow")
        self._expect_zeros()

    def read(self, member: TarMember, limit: int) -> bytes:
        """Return the content of the current member, which must be at most `limit` bytes long."""
        if member.size > limit:
            raise InvalidUploadError(f"{shown(member.path)} in the archive is larger than {limit} bytes")
        self._content_left -= member.size
        return self._read(member.size)

    def _read_extensions(self, header: tarfile.TarInfo) -> dict[str, str] | None:
        """Return what an extended header says of the next member; None if this is a member."""
        if header.type not in {tarfile.XHDTYPE, tarfile.XGLTYPE, *_LONG_NAMES}:
            return None
        if header.size > _EXTENSION_BYTES:
            raise InvalidUploadError("The tar archive has an extended header that is too large")
        raw = self._read(_padded(header.size))[: header.size]
        if header.type in _LONG_NAMES:
            return {_LONG_NAMES[header.type]: _text(raw.removesuffix(b"\0"))}
        records = _pax_records(raw)
        if header.type == tarfile.XHDTYPE:
            return records
        # git writes a commit into a header for all members; names do not belong there.
        if records.keys() - {"comment"}:
            raise InvalidUploadError("The tar archive has a global header with more than a comment")
        return {}

    def _member(self, header: tarfile.TarInfo, extensions: dict[str, str]) -> TarMember:
        path, kind = extensions.get("path", header.name), _KINDS.get(header.type)
        if kind is None:
            raise InvalidUploadError(f"{shown(path)} in the archive is neither a file, a folder nor a link")
        # uv's build backend repeats every size in an extended header. One that differs hides members from readers
        # that ignore it (CVE-2025-62518).
        if extensions.get("size", str(header.size)) != str(header.size):
            raise InvalidUploadError(f"{shown(path)} in the archive has two sizes")
        if kind is not Kind.FILE and header.size:
            raise InvalidUploadError(f"{shown(path)} in the archive has content, but is no file")
        self._content_left = _padded(header.size)
        target = extensions.get("linkpath", header.linkname)
        path = path.removesuffix("/") if kind is Kind.FOLDER else path
        return TarMember(path, kind, header.type == tarfile.SYMTYPE, target, header.size)

    def _skip_content(self) -> None:
        while self._content_left:
            step = min(self._content_left, CHUNK_BYTES)
            self._read(step)
            self._content_left -= step

    def _expect_zeros(self) -> None:
        """Read to the end: after the block of zeros that ends the archive, only more of them may follow."""
        while chunk := self._file.read(CHUNK_BYTES):
            if chunk.count(0) != len(chunk):
                raise InvalidUploadError("The tar archive has data after its end")

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise InvalidUploadError("The tar archive is cut off")
        return data


def open_tar_gz(file: BinaryIO, limits: ArchiveLimits) -> TarArchive:
    """Open a `.tar.gz`; raise `InvalidUploadError` if it is a zip file, too."""
    if zipfile.is_zipfile(file):
        raise InvalidUploadError("The file is named .tar.gz, but zip programs can read it: is it a zip file?")
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    chunks = _bounded(inflate(raw_chunks(file, size), GZIP), size, limits)
    return TarArchive(as_file(chunks), limits)


def _bounded(chunks: Iterator[bytes], compressed: int, limits: ArchiveLimits) -> Iterator[bytes]:
    """Pass on the chunks until a bomb shows."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        limits.check_expansion(compressed, total)
        yield chunk


def _parse_header(block: bytes) -> tarfile.TarInfo:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise InvalidUploadError(f"The tar archive has a damaged header: {error}") from None
    if header.size < 0:
        raise InvalidUploadError("The tar archive has a member of negative size")
    return header


def _pax_records(raw: bytes) -> dict[str, str]:
    """Return the records of an extended header, each a line `LENGTH KEYWORD=VALUE`."""
    records: dict[str, str] = {}
    position = 0
    while position < len(raw):
        match = _PAX_RECORD.match(raw, position)
        end = position + int(match[1]) if match else 0
        if not match or end <= match.end() or raw[end - 1 : end] != b"\n":
            raise InvalidUploadError("The tar archive has a damaged extended header")
        keyword = _text(match[2])
        if keyword in records or _FORBIDDEN_PAX.fullmatch(keyword):
            raise InvalidUploadError(f"The tar archive's extended header must not have {shown(keyword)} (again)")
        records[keyword], position = _text(raw[match.end() : end - 1]), end
    return records


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
