"""Writes what one process has counted, in segments of its own: an object each minute, if there is anything.

A segment is written until the storage has acknowledged it, with the same bytes under the same key.
So an answer that was lost counts nothing twice. Each process has at least one segment an hour, and
the last one of a day says so: without it, the process was killed, and its last minute may be
missing.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from wheelyard_server.catalog.fetches.counting import Counted, FetchCounter
from wheelyard_server.catalog.fetches.encoding import SegmentHeader, encoded_segment
from wheelyard_server.catalog.fetches.rows import SECONDS_PER_HOUR, FetchedFile, Row, day_of
from wheelyard_server.clock import EpochClock
from wheelyard_server.errors import ObjectNotFoundError, PreconditionFailedError, StorageUnavailableError
from wheelyard_server.sliced import in_slices
from wheelyard_server.storage import Storage, layout
from wheelyard_server.storage.layout import SegmentKey


@dataclass(slots=True)
class _Segment:
    key: str
    header: SegmentHeader
    counted: Counted
    body: bytes | None = None
    """Made once, before it is first sent."""


class SegmentWriter:
    """Writes the segments of one process."""

    def __init__(self, storage: Storage, counter: FetchCounter, replica: str, clock: EpochClock) -> None:
        """`replica` is an id of 16 hex digits that no other process has or had."""
        self._storage = storage
        self._counter = counter
        self._replica = replica
        self._clock = clock
        self._unwritten: deque[_Segment] = deque()
        self._numbers: dict[date, int] = {}
        """The number of the next segment of each day."""
        self._open: set[date] = set()
        """Days that have segments, but not the last one."""
        self._last = 0.0
        """When the last segment was made."""

    async def flush(self, *, is_last: bool = False) -> None:
        """Write all fetches since the last time; raise `StorageError`, then it is written next time.

        `is_last`: this process counts nothing more.
        """
        await self._write_all()
        # Without waiting in between: a caller that is canceled loses nothing.
        self._make(self._counter.take(), is_last=is_last)
        await self._write_all()

    def _make(self, counted: Counted, *, is_last: bool) -> None:
        """Make segments of counted fetches."""
        now = self._clock()
        today, by_day = day_of(now), _by_day(counted)
        is_due = today not in self._open or now - self._last >= SECONDS_PER_HOUR or counted.dropped
        past = {*by_day, *self._open} - {today}
        # Today first: a process that is killed after it ended a day has begun the next one.
        if today in by_day or is_due or is_last:
            header = SegmentHeader(written=int(now), ended=is_last, dropped=counted.dropped)
            self._add(today, header, by_day.get(today, {}))
        for day in sorted(past):
            self._add(day, SegmentHeader(written=int(now), ended=True), by_day.get(day, {}))

    def _add(self, day: date, header: SegmentHeader, rows: Mapping[FetchedFile, list[Row]]) -> None:
        number = self._numbers.get(day, 0)
        key = layout.fetch_segment(SegmentKey(day, self._replica, number))
        self._unwritten.append(_Segment(key, header, Counted(rows)))
        self._numbers[day], self._last = number + 1, header.written
        (self._open.discard if header.ended else self._open.add)(day)

    async def _write_all(self) -> None:
        while self._unwritten:
            await self._write(self._unwritten[0])
            self._unwritten.popleft()

    async def _write(self, segment: _Segment) -> None:
        if segment.body is None:
            segment.body = await in_slices(encoded_segment(segment.header, segment.counted))
        try:
            await self._storage.write(segment.key, segment.body, expected=None)
        except PreconditionFailedError:
            # No other process has this key, so an answer was lost, or the write has to be repeated.
            try:
                await self._storage.read(segment.key)
            except ObjectNotFoundError:
                raise StorageUnavailableError(segment.key, "a write had no effect") from None


def _by_day(counted: Counted) -> Mapping[date, Mapping[FetchedFile, list[Row]]]:
    found: defaultdict[date, defaultdict[FetchedFile, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for file, rows in counted.rows.items():
        for row in rows:
            found[day_of(row.hour)][file].append(row)
    return found
