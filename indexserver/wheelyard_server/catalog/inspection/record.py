"""RECORD: the list of a wheel's files, with their digests and sizes.

https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file.
Installers copy it into the environment, where it lists what to uninstall and reveals tampering.
"""

import base64
import binascii
import csv
import hashlib
import io
from collections.abc import Iterator
from typing import NamedTuple

from wheelyard_server.catalog.inspection.findings import Findings, Rule
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.inspection.paths import check_path
from wheelyard_server.catalog.inspection.wording import shown
from wheelyard_server.catalog.inspection.zip_archive import ZipArchive
from wheelyard_server.catalog.inspection.zip_directory import Entry
from wheelyard_server.errors import InvalidUploadError

_ALGORITHMS = {"sha256", "sha384", "sha512"}
_READ_BY_INSTALLERS = {"METADATA", "WHEEL", "entry_points.txt"}
_SIGNATURES = (".jws", ".p7s")
"""Written after RECORD, so not in it."""


class _Row(NamedTuple):
    path: str
    algorithm: str
    """Empty if it is missing or unsupported."""
    declared: str
    """The digest, unparsed."""
    size: str


def check_record(archive: ZipArchive, record: str, limits: ArchiveLimits, findings: Findings) -> None:
    """Read the whole archive; raise `InvalidUploadError` if a file's digest differs from RECORD.

    Installers ignore all other problems of RECORD.
    """
    exempt = {record, *(record + suffix for suffix in _SIGNATURES)}
    contents = _Contents(archive)
    for row in _read_rows(archive.read(record, limits.record_bytes), exempt):
        if row.path in archive.files:
            _check_file(contents, archive.files[row.path], row, findings)
        else:
            _check_absent(archive, row, findings)
    for path in sorted(contents.unread - exempt):
        findings.add(Rule.RECORD_MISSING_ROW, f"{shown(path)} is in the wheel, but not in its RECORD")
    for path in contents.unread:
        archive.check_content(archive.files[path])


class _Contents:
    """The digests of a wheel's files; each file is read once."""

    def __init__(self, archive: ZipArchive) -> None:
        self.unread = set(archive.files)
        self._archive = archive
        self._known: dict[str, tuple[str, bytes]] = {}

    def digest(self, entry: Entry, algorithm: str) -> bytes:
        """Return a file's digest. A second algorithm is refused: it would require reading the file again."""
        known, value = self._known.get(entry.name, (algorithm, b""))
        if known != algorithm:
            raise InvalidUploadError(f"RECORD lists {shown(entry.name)} with digests by two algorithms")
        if entry.name in self.unread:
            self.unread.remove(entry.name)
            value = self._read(entry, algorithm)
            self._known[entry.name] = algorithm, value
        return value

    def _read(self, entry: Entry, algorithm: str) -> bytes:
        digest = hashlib.new(algorithm)
        for chunk in self._archive.content(entry):
            digest.update(chunk)
        return digest.digest()


def _check_file(contents: _Contents, entry: Entry, row: _Row, findings: Findings) -> None:
    name = shown(entry.name)
    if entry.name not in contents.unread:
        findings.add(Rule.RECORD_REPEATED, f"RECORD lists {name} more than once")
    digest = contents.digest(entry, row.algorithm or "sha256")
    if not row.algorithm:
        findings.add(Rule.RECORD_DIGEST_MISSING, f"RECORD has no sha256 (or 384, 512) digest of {name}")
    elif row.declared == digest.hex():
        findings.add(Rule.RECORD_DIGEST_HEX, f"RECORD has the digest of {name} in hex, but it should be base64")
    elif _decode(row.declared) != digest:
        _refuse_other_digest(entry, findings)
    # The size is optional.
    if row.size not in {"", str(entry.size)}:
        findings.add(Rule.RECORD_SIZE, f"{name} has {entry.size} bytes, but RECORD says {shown(row.size)}")


def _refuse_other_digest(entry: Entry, findings: Findings) -> None:
    """Refuse a file that differs from RECORD; if neither installers nor Python read it, add a finding."""
    problem = f"The digest of {shown(entry.name)} differs from RECORD: it was changed after the wheel was built"
    folder, _, name = entry.name.partition("/")
    if not folder.endswith(".dist-info") or name in _READ_BY_INSTALLERS:
        raise InvalidUploadError(problem)
    findings.add(Rule.RECORD_DIGEST, problem)


def _check_absent(archive: ZipArchive, row: _Row, findings: Findings) -> None:
    """Check a row without a file. Uninstallers remove what RECORD lists, so it must be inside the environment."""
    path = row.path.removesuffix("/")
    check_path(path)
    if row.path != path or archive.tree.is_folder(path):
        findings.add(Rule.RECORD_FOLDER, f"RECORD lists the folder {shown(path)}")
    else:
        findings.add(Rule.RECORD_ABSENT_FILE, f"RECORD lists {shown(path)}, which is not in the wheel")


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
    path, digest, size = fields
    algorithm, _, declared = digest.partition("=")
    return _Row(path, algorithm if algorithm in _ALGORITHMS else "", declared, size)


def _decode(digest: str) -> bytes:
    """Decode URL-safe base64 without padding; return no bytes, which equal no digest, if it is invalid."""
    try:
        return base64.b64decode(digest + "=" * (-len(digest) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
