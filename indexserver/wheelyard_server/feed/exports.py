"""Reads an export: a zip archive with a record in each file. Nothing in it is trusted.

An archive that is not whole raises an error, so that what is known stays. A record that cannot be
read costs only itself.
"""

import io
import logging
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from wheelyard_server.errors import FeedError
from wheelyard_server.feed import Export, Record
from wheelyard_server.feed.osv_records import MAX_RECORD_BYTES, UnreadableRecordError, read_record
from wheelyard_server.sliced import Slices

log = logging.getLogger(__name__)

MAX_EXPORT_BYTES = 512 * 1024**2
"""Maximum size of the archive: OSV's of PyPI has 32 MB (2026)."""
MAX_RECORDS = 200_000
MAX_PLAIN_BYTES = 2 * 1024**3
"""Maximum size of all records together, decompressed."""
_MAX_DIRECTORY_BYTES = 16 * 1024**2
"""Maximum size of the archive's directory, which `zipfile` holds in memory many times as large."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Methods of compression that `zipfile` decompresses in small pieces."""
_LOGGED = 5
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)
"""What `zipfile` raises for an archive that is damaged, encrypted, or compressed in a way that it does not know."""


def read_export(file: Path | int) -> Slices[Export]:
    """Return the records of an archive, given as a path or a descriptor.

    Raises `FeedError` unless the archive is whole and has at least one.
    """
    try:
        with _opened(file) as opened, zipfile.ZipFile(opened) as archive:
            reader = _Reader(archive)
            yield from reader.read(_of_records(archive.infolist()))
    except _DAMAGES as error:
        raise FeedError(f"has an export that is not a whole zip archive ({error})") from error
    if not reader.records:
        raise FeedError("has an export without any record that can be read")
    return Export(reader.records, frozenset(reader.unreadable))


def _opened(file: Path | int) -> "_Bounded":
    return _Bounded(io.FileIO(file, closefd=not isinstance(file, int)))


class _Bounded(io.BufferedReader):
    """A file of which no large part is read at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        is_rest = size is None or size < 0
        body = super().read(_MAX_DIRECTORY_BYTES + 1 if is_rest else min(size or 0, _MAX_DIRECTORY_BYTES + 1))
        if len(body) > _MAX_DIRECTORY_BYTES:
            raise FeedError(f"has an export whose directory has more than {_MAX_DIRECTORY_BYTES // 1024**2} MiB")
        return body


def _of_records(entries: Iterable[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    found = [each for each in entries if each.filename.endswith(".json") and not each.is_dir()]
    if len(found) > MAX_RECORDS:
        raise FeedError(f"has an export with more than {MAX_RECORDS} records")
    return found


class _Reader:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._size = 0
        self.records: dict[str, Record] = {}
        self.unreadable: set[str] = set()

    def read(self, entries: Iterable[zipfile.ZipInfo]) -> Slices[None]:
        """Read these records, one in each slice."""
        for entry in entries:
            try:
                self._keep(read_record(self._body(entry)))
            except UnreadableRecordError as error:
                self._skip(entry, error)
            yield

    def _body(self, entry: zipfile.ZipInfo) -> bytes:
        """Return the bytes of a record. What the archive says of its size does not count."""
        if entry.compress_type not in _METHODS:
            raise UnreadableRecordError(f"an unusual method of compression ({entry.compress_type})")
        with self._archive.open(entry) as file:
            body = file.read(MAX_RECORD_BYTES + 1)
        self._size += len(body)
        if self._size > MAX_PLAIN_BYTES:
            raise FeedError(f"has an export with more than {MAX_PLAIN_BYTES // 1024**3} GiB of records")
        if len(body) > MAX_RECORD_BYTES:
            raise UnreadableRecordError(f"more than {MAX_RECORD_BYTES // 1024**2} MiB")
        return body

    def _keep(self, record: Record) -> None:
        known = self.records.get(record.id)
        if known is None or known.modified < record.modified:
            self.records[record.id] = record

    def _skip(self, entry: zipfile.ZipInfo, error: UnreadableRecordError) -> None:
        self.unreadable.add(entry.filename.rpartition("/")[2].removesuffix(".json"))
        if len(self.unreadable) <= _LOGGED:
            log.warning("The record %.100r of the feed of advisories cannot be read: %.200s", entry.filename, error)
