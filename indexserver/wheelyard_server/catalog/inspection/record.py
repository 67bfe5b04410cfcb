"""RECORD: the list of a wheel's files, with their digests and sizes.

https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file. Installers copy
it into the environment, where it says what to uninstall and what was tampered with.
"""

import base64
import binascii
import csv
import hashlib
import io
from collections.abc import Iterator
from typing import NamedTuple

from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.catalog.inspection.zip_archive import ZipArchive
from wheelyard_server.catalog.inspection.zip_directory import Entry
from wheelyard_server.errors import InvalidUploadError

_ALGORITHMS = {"sha256", "sha384", "sha512"}
_SIGNATURES = (".jws", ".p7s")
"""Written after RECORD, so not in it."""


class _Row(NamedTuple):
    path: str
    algorithm: str
    digest: bytes
    size: str


def check_record(archive: ZipArchive, record: str, limits: ArchiveLimits) -> None:
    """Read the whole archive; raise `InvalidUploadError` unless it holds what RECORD lists, and nothing else."""
    exempt = {record, *(record + suffix for suffix in _SIGNATURES)}
    unseen = set(archive.files)
    for row in _read_rows(archive.read(record, limits.record_bytes), exempt):
        if row.path not in unseen:
            known = "more than once" if row.path in archive.files else "which is not in the wheel"
            raise InvalidUploadError(f"RECORD lists {shown(row.path)}, {known}")
        unseen.remove(row.path)
        _check_file(archive, archive.files[row.path], row)
    if unseen - exempt:
        raise InvalidUploadError(f"{shown(min(unseen - exempt))} is in the wheel, but not in its RECORD")
    for path in unseen:
        archive.check_content(archive.files[path])


def _check_file(archive: ZipArchive, entry: Entry, row: _Row) -> None:
    digest = hashlib.new(row.algorithm)
    for chunk in archive.content(entry):
        digest.update(chunk)
    if digest.digest() != row.digest or row.size != str(entry.size):
        raise InvalidUploadError(f"{shown(entry.name)} has another digest or size than its wheel's RECORD says")


def _read_rows(raw: bytes, exempt: set[str]) -> Iterator[_Row]:
    """Yield the rows of all files that must have a digest."""
    try:
        for fields in csv.reader(io.TextIOWrapper(io.BytesIO(raw), "utf-8", newline=""), strict=True):
            if fields and fields[0] not in exempt:
                yield _parse_row(fields)
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidUploadError(f"RECORD is not a CSV file in UTF-8: {error}") from None


def _parse_row(fields: list[str]) -> _Row:
    if len(fields) != 3:
        raise InvalidUploadError(f"RECORD has {len(fields)} columns for {shown(fields[0])}, not 3")
    path, declared, size = fields
    algorithm, _, digest = declared.partition("=")
    if algorithm not in _ALGORITHMS:
        raise InvalidUploadError(f"RECORD must have a sha256 (or 384, 512) digest of {shown(path)}")
    return _Row(path, algorithm, _decode(digest), size)


def _decode(digest: str) -> bytes:
    """Decode URL-safe base64 without padding; what is none equals no digest."""
    try:
        return base64.b64decode(digest + "=" * (-len(digest) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
