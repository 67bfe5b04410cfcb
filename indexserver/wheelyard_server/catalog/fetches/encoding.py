"""The objects of the fetch log: a header and a line for each file, as compressed JSON, sorted by file.

Sorted lines can be merged, and read, line by line: a busy day takes memory for one file at a time.
"""

import heapq
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, groupby, islice
from typing import Generic, TypeVar

import msgspec

from wheelyard_server.catalog.fetches.counting import Counted
from wheelyard_server.catalog.fetches.rows import FileRows, Row, combined, with_networks, without_fetchers
from wheelyard_server.errors import DamagedObjectError
from wheelyard_server.sliced import Slices

FORMAT = 1
MAX_DAY_ROWS = 250_000
"""Rows of a merged day; beyond it, they become as coarse as needed."""
_PIECE_BYTES = 64 * 1024
_LINES_AT_ONCE = 50
"""Takes about a millisecond."""
_COMPRESSION = 6
_MAX_LINE_ROWS = 1000
"""A file with more rows has several lines."""

H = TypeVar("H", "SegmentHeader", "DayHeader")


class SegmentHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a segment: what one replica wrote at once."""

    format: int = FORMAT
    written: int
    """In seconds since 1970."""
    ended: bool = False
    """Whether the replica wrote nothing after this on this day: the day or its life was over."""
    dropped: int = 0
    """Fetches that are in no row."""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a merged day has of one replica."""

    segments: int
    """All segments with a lower number are in it."""
    written: int
    """When the last of them was written, in seconds since 1970."""
    ended: bool
    """Whether the replica wrote nothing after that on this day."""


class DayHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a merged day."""

    format: int = FORMAT
    replicas: dict[str, Written] = {}
    """By their ids."""
    dropped: int = 0
    """Fetches that are in no row."""

    def has(self, replica: str, number: int) -> bool:
        """Return whether a segment is in it."""
        written = self.replicas.get(replica)
        return written is not None and number < written.segments

    def is_within(self, other: "DayHeader") -> bool:
        """Return whether everything in it is in the other day, too."""
        return all(other.has(replica, each.segments - 1) for replica, each in self.replicas.items())


class LogObject(Generic[H]):
    """An object of the fetch log, decompressed as it is read."""

    def __init__(self, key: str, body: bytes, header: type[H]) -> None:
        """Raise `DamagedObjectError` if it is something else, or has a newer format."""
        self.key = key
        self._body = body
        first = next(self._raw_lines(), b"")
        try:
            self.header: H = msgspec.json.decode(first, type=header)
        except msgspec.MsgspecError as error:
            raise DamagedObjectError(key, f"not a part of the fetch log: {error}") from error
        if self.header.format > FORMAT:
            raise DamagedObjectError(key, f"has format {self.header.format}: upgrade the server")

    def lines(self, wanted: Callable[[bytes], bool] = lambda _: True) -> Iterator[FileRows]:
        """Yield the lines that are wanted, in order; raise `DamagedObjectError`."""
        return map(self._decoded, filter(wanted, islice(self._raw_lines(), 1, None)))

    def _decoded(self, line: bytes) -> FileRows:
        try:
            return msgspec.json.decode(line, type=FileRows)
        except msgspec.MsgspecError as error:
            raise DamagedObjectError(self.key, f"not a line of the fetch log: {error}") from error

    def _raw_lines(self) -> Iterator[bytes]:
        """Yield the lines; raise `DamagedObjectError` if the object ends early or is not compressed."""
        unpacker, rest = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), b""
        try:
            for start in range(0, len(self._body), _PIECE_BYTES):
                *lines, rest = (rest + unpacker.decompress(self._body[start : start + _PIECE_BYTES])).split(b"\n")
                yield from lines
        except zlib.error as error:
            raise DamagedObjectError(self.key, f"not a part of the fetch log: {error}") from error
        if rest or not unpacker.eof:
            raise DamagedObjectError(self.key, "not a part of the fetch log: it ends early")


def encoded_segment(header: SegmentHeader, counted: Counted) -> Slices[bytes]:
    """Return the body of a segment."""
    lines = (FileRows(*file, rows) for file, rows in sorted(counted.rows.items()))
    return _encoded(header, lines)


Part = LogObject[SegmentHeader] | LogObject[DayHeader]


def used_lines(
    parts: Iterable[Part], wanted: Callable[[bytes], bool], use: Callable[[FileRows], None]
) -> Slices[None]:
    """Use all wanted lines of several parts of a day, merged, in short slices; raise `DamagedObjectError`."""
    for number, line in enumerate(_merged_lines(part.lines(wanted) for part in parts), 1):
        use(line)
        if number % _LINES_AT_ONCE == 0:
            yield


def _as_they_are(rows: Iterable[Row]) -> Iterable[Row]:
    return rows


def _merged_lines(
    parts: Iterable[Iterator[FileRows]], form: Callable[[Iterable[Row]], Iterable[Row]] = _as_they_are
) -> Iterator[FileRows]:
    """Yield one line for each file, with one row for each fetcher and hour."""
    for _, group in groupby(heapq.merge(*parts, key=_sort_key), key=_sort_key):
        same = list(group)
        rows = combined(form(row for each in same for row in each.rows))
        yield FileRows(same[0].project, same[0].filename, same[0].sha256, same[0].version, rows)


class MergedDay:
    """Several parts of a day as one."""

    def __init__(self, header: DayHeader, parts: Iterable[Part]) -> None:
        """`header` is the merged header; none of the parts overlap."""
        self._header = header
        self._parts = tuple(parts)

    def encoded(self, max_rows: int = MAX_DAY_ROWS) -> Slices[bytes]:
        """Return the body of the merged day, whose rows are coarse if there are more than `max_rows`."""
        dropped = 0
        for form in (_as_they_are, with_networks, without_fetchers):
            count = yield from _count(self._lines(form))
            if count <= max_rows:
                break
        else:
            dropped = yield from self._dropped(max_rows)
        header = msgspec.structs.replace(self._header, dropped=self._header.dropped + dropped)
        return (yield from _encoded(header, _limited(self._lines(form), max_rows)))

    def _lines(self, form: Callable[[Iterable[Row]], Iterable[Row]]) -> Iterator[FileRows]:
        """Yield one line for each file."""
        return _merged_lines((part.lines() for part in self._parts), form)

    def _dropped(self, max_rows: int) -> Slices[int]:
        kept = dropped = 0
        for number, each in enumerate(self._lines(without_fetchers), 1):
            kept += len(each.rows)
            if kept > max_rows:
                dropped += sum(row.fetches for row in each.rows)
            if number % _LINES_AT_ONCE == 0:
                yield
        return dropped


def merged_header(
    day: DayHeader | None, segments: Mapping[tuple[str, int], SegmentHeader], other: DayHeader | None = None
) -> DayHeader:
    """Return the header of a day with more segments, by replica and number, and with another merged day."""
    replicas = {**(other.replicas if other else {}), **(day.replicas if day else {})}
    for (replica, number), each in sorted(segments.items()):
        replicas[replica] = Written(segments=number + 1, written=each.written, ended=each.ended)
    headers = [each for each in (day, other, *segments.values()) if each is not None]
    return DayHeader(replicas=replicas, dropped=sum(each.dropped for each in headers))


def _sort_key(line: FileRows) -> tuple[str, str, str]:
    return line.project, line.filename, line.sha256


def _count(lines: Iterator[FileRows]) -> Slices[int]:
    count = 0
    for number, each in enumerate(lines, 1):
        count += len(each.rows)
        if number % _LINES_AT_ONCE == 0:
            yield
    return count


def _limited(lines: Iterator[FileRows], max_rows: int) -> Iterator[FileRows]:
    """Yield lines until there are too many rows."""
    count = 0
    for each in lines:
        count += len(each.rows)
        if count > max_rows:
            return
        yield each


def _short_lines(line: FileRows) -> Iterator[FileRows]:
    for start in range(0, len(line.rows), _MAX_LINE_ROWS):
        yield msgspec.structs.replace(line, rows=line.rows[start : start + _MAX_LINE_ROWS])


def _encoded(header: SegmentHeader | DayHeader, lines: Iterable[FileRows]) -> Slices[bytes]:
    # The same bytes for the same rows: without the time that gzip would write into its header.
    packer = zlib.compressobj(_COMPRESSION, wbits=zlib.MAX_WBITS | 16)
    pieces = [packer.compress(msgspec.json.encode(header) + b"\n")]
    for number, each in enumerate(chain.from_iterable(map(_short_lines, lines)), 1):
        pieces.append(packer.compress(msgspec.json.encode(each) + b"\n"))
        if number % _LINES_AT_ONCE == 0:
            yield
    return b"".join([*pieces, packer.flush()])
