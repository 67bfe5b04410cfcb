"""The fetch log of one server: counts, writes, merges and answers."""

import asyncio
import logging
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple, Protocol

from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.fetches.answers import FetchFilter, Statistics, Used, WhoFetched
from wheelyard_server.catalog.fetches.counting import FetchCounter
from wheelyard_server.catalog.fetches.days import DayKeys, LogDays, LoggedDay
from wheelyard_server.catalog.fetches.encoding import used_lines
from wheelyard_server.catalog.fetches.rows import OTHER, SECONDS_PER_HOUR, FileRows, Row, day_of
from wheelyard_server.catalog.fetches.segments import SegmentWriter
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import EpochClock
from wheelyard_server.errors import BusyError, DamagedObjectError, WheelyardError
from wheelyard_server.settings import FetchLogSettings, RecordedAddresses
from wheelyard_server.sliced import in_slices
from wheelyard_server.storage import Storage

log = logging.getLogger(__name__)

FLUSH_SECONDS = 50
"""So that at most a minute is lost, with the time that writing takes."""
MAINTAIN_SECONDS = 600
MERGED_FROM = 60
"""Number of segments of today from which they are merged."""
SETTLED = timedelta(minutes=5)
"""How long after its end servers write segments of a day, unless the storage does not answer."""
SILENT_SECONDS = SECONDS_PER_HOUR + 300
"""A server that has written nothing for so long, and no last segment, was killed."""
READERS, WAITING = 2, 16
"""Questions of managers that are answered at once, and that may wait."""
STATISTICS_READERS = 1
"""Questions for statistics that are answered at once: readers must not keep managers waiting."""
REMEMBERED_SECONDS = 60
"""How long statistics are remembered: anyone who may read a project may ask for them."""
_REMEMBERED_BYTES = 4 * 1024**2
_ROW_BYTES = 200


@dataclass(slots=True)
class Coverage:
    """What an answer is based on, and what it cannot know."""

    days: int
    """Days that were asked for, today included."""
    kept_days: int
    """Days before today that the log keeps."""
    since: date | None = None
    """The first of the days that the log has; None if it has none."""
    dropped: int = 0
    """Fetches of any file that are in no row, since there were too many."""
    coarse: int = 0
    """Fetches in rows that stand for networks or for all fetchers, since there were too many rows."""
    killed: frozenset[str] = frozenset()
    """Ids of servers that ended without writing their last minute."""
    damaged: tuple[str, ...] = ()
    """Objects of the log that cannot be read."""
    omitted: int = 0
    """Fetches in rows beyond the bound of the answer."""

    def add(self, day: LoggedDay, now: float) -> None:
        """Add what is known of a day."""
        self.since = min(self.since or day.day, day.day)
        self.dropped += day.header.dropped
        self.killed |= {
            replica
            for replica, each in day.header.replicas.items()
            if not each.ended and now - each.written > SILENT_SECONDS
        }
        self.damaged += day.damaged


class Answer(Protocol):
    """Collects what a question is about."""

    def add(self, day: date, line: FileRows) -> None:
        """Add a line of the log."""

    @property
    def omitted(self) -> int:
        """Return the fetches beyond the bound of the answer."""
        ...


class _Remembered(NamedTuple):
    until: float
    answer: tuple[Statistics, Coverage]


class _Turns:
    """Lets some questions read the log at once, and some wait."""

    def __init__(self, readers: int) -> None:
        self._reading, self._waiting = asyncio.Semaphore(readers), 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn; raise `BusyError` if too many wait."""
        if self._waiting >= WAITING:
            raise BusyError("Too many questions to the fetch log at once: ask again in a minute")
        self._waiting += 1
        try:
            async with self._reading:
                yield
        finally:
            self._waiting -= 1


class FetchLog:
    """The log of fetched files of this index: by whom, when and how often."""

    def __init__(self, storage: Storage, settings: FetchLogSettings, clock: EpochClock, gate: WriteGate) -> None:
        self.settings = settings
        self.counter = FetchCounter(clock, settings.addresses)
        """Counts fetches; handlers may call its `count` whether the log is kept or not."""
        self._clock = clock
        self._gate = gate
        self._days = LogDays(storage)
        self._writer = SegmentWriter(storage, self.counter, secrets.token_hex(8), clock)
        self._writing = asyncio.Lock()
        # Not all servers at the same moment: only one of them can merge a day.
        self._maintained_next = clock() + random.uniform(0.1, 1) * MAINTAIN_SECONDS  # noqa: S311 - spreads work
        self._managers, self._readers = _Turns(READERS), _Turns(STATISTICS_READERS)
        self._remembered: MemoryCache[tuple[str, int], _Remembered] = MemoryCache(_REMEMBERED_BYTES)

    @property
    def is_kept(self) -> bool:
        """Return whether this index has a fetch log."""
        return self.settings.days > 0

    async def flush(self, *, is_last: bool = False) -> None:
        """Write what was counted; raise `StorageError`, then it is written next time."""
        async with self._writing:
            if self.is_kept:
                await self._writer.flush(is_last=is_last)
            else:
                self.counter.take()

    async def maintain_if_due(self) -> None:
        """Do as `maintain`, about every ten minutes."""
        if self._clock() >= self._maintained_next:
            self._maintained_next = self._clock() + MAINTAIN_SECONDS
            await self.maintain()

    async def maintain(self) -> None:
        """Merge the segments of past days, and of today if there are many; remove days past their time."""
        keys = await self._days.keys()
        oldest = self._today - timedelta(days=self.settings.days)
        for day in keys.days.values():
            if day.day < oldest or not self.is_kept:
                await self._days.remove(day)
            elif self._is_due(day):
                await self._merge(day)

    def _is_due(self, day: DayKeys) -> bool:
        is_past = day.day < day_of(self._clock() - SETTLED.total_seconds())
        return bool(day.segments) and (is_past or len(day.segments) >= MERGED_FROM)

    async def _merge(self, day: DayKeys) -> None:
        try:
            # Without atomic writes, a merge could lose what another one has merged.
            await self._gate.passed()
            while await self._days.merge(day):
                day = (await self._days.keys()).days.get(day.day, DayKeys(day.day))
        except WheelyardError as error:
            log.warning("The fetches of %s are not merged yet: %s", day.day, error)

    @property
    def _today(self) -> date:
        return day_of(self._clock())

    async def who(self, wanted: FetchFilter, days: int) -> tuple[WhoFetched, Coverage]:
        """Return who fetched what is wanted in the last `days`; raise `StorageError` or `BusyError`."""
        answer = WhoFetched(wanted)
        return answer, await self._asked(answer, days, wanted.wants_line)

    async def statistics(self, project: str, days: int) -> tuple[Statistics, Coverage]:
        """Return how often a project was fetched, as of the last minute; raise `StorageError` or `BusyError`."""
        known = self._remembered.get((project, days))
        if known is not None and self._clock() < known.until:
            return known.answer
        answer = Statistics(project)
        async with self._readers.turn():
            coverage = await self._added(answer, days, FetchFilter(project=project).wants_line)
        size = (len(answer.rows()) + 1) * _ROW_BYTES
        self._remembered.put(
            (project, days), _Remembered(self._clock() + REMEMBERED_SECONDS, (answer, coverage)), size
        )
        return answer, coverage

    async def used(self, days: int, covers: Callable[[str], bool] = lambda _: True) -> tuple[Used, Coverage]:
        """Return all files of covered projects that were fetched; raise `StorageError` or `BusyError`."""
        answer = Used(covers)
        return answer, await self.collect(answer, days)

    async def collect(self, answer: Answer, days: int) -> Coverage:
        """Add all lines of the last `days` to an answer; raise `StorageError` or `BusyError`."""
        return await self._asked(answer, days, lambda _: True)

    async def _asked(self, answer: Answer, days: int, wants_line: Callable[[bytes], bool]) -> Coverage:
        """Do as `_added`, with the fetches of this moment."""
        async with self._managers.turn():
            await self.flush()
            return await self._added(answer, days, wants_line)

    async def _added(self, answer: Answer, days: int, wants_line: Callable[[bytes], bool]) -> Coverage:
        """Add the lines of the last days that are wanted to an answer."""
        coverage = Coverage(days, self.settings.days)
        first = self._today - timedelta(days=days - 1)
        keys = await self._days.keys()
        for each in keys.days.values():
            if each.day >= first:
                await self._add_day(each, answer, coverage, wants_line)
        coverage.omitted = answer.omitted
        return coverage

    async def _add_day(
        self, keys: DayKeys, answer: Answer, coverage: Coverage, wants_line: Callable[[bytes], bool]
    ) -> None:
        day = await self._days.read(keys)
        coverage.add(day, self._clock())

        def use(line: FileRows) -> None:
            answer.add(day.day, line)
            coverage.coarse += sum(row.fetches for row in line.rows if self._is_coarse(row))

        try:
            await in_slices(used_lines(day.parts, wants_line, use))
        except DamagedObjectError as error:
            log.error("A part of the fetch log cannot be read: %s", error)  # noqa: TRY400 - the reason
            coverage.damaged += (error.key,)

    def _is_coarse(self, row: Row) -> bool:
        is_network = "/" in row.address and self.settings.addresses is RecordedAddresses.FULL
        return is_network or row.method == OTHER
