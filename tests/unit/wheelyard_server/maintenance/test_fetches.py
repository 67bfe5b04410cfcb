"""The fetch log is checked and copied whole, and never counted twice by a copy."""

import itertools
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from support.catalogs import START
from support.fetch_logs import ANN, JENKINS, NOON, Clock, Replica
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog import ownership
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.errors import StorageError
from wheelyard_server.maintenance.copy import Copier
from wheelyard_server.maintenance.events import CopiedFetches, Event, Finding, Foreign
from wheelyard_server.maintenance.gc import GRACE, Collector
from wheelyard_server.maintenance.verify import StorageVerifier
from wheelyard_server.storage import layout
from wheelyard_server.storage.layout import SegmentKey

TODAY = NOON.date()
FILES = ("demo-1.0.tar.gz", "other-1.0.tar.gz")


class Index:
    """A storage whose servers count."""

    def __init__(self, clock: Clock) -> None:
        self.storage, self.clock = MemoryStorage(), clock
        self.replica = Replica(self.storage, clock)

    async def count(self, filename: str = FILES[0], times: int = 1) -> None:
        for _ in range(times):
            self.replica.fetch(filename, ANN)
            await self.replica.log.flush()

    async def counts(self) -> Counter[tuple[str, str, str]]:
        return await self.replica.counts()

    async def own(self) -> "Index":
        await ownership.take_ownership(self.storage, None)
        return self


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def copy(source: Index, target: Index, folder: Path) -> list[Event]:
    found: list[Event] = []
    await Copier(source.storage, target.storage, Scratch(folder, 10**6), found.append).run()
    return found


async def two(clock: Clock) -> tuple[Index, Index]:
    return await Index(clock).own(), await Index(clock).own()


def counted(times: int, filename: str = FILES[0]) -> Counter[tuple[str, str, str]]:
    return Counter({(filename, ANN.user, "192.0.2.7"): times})


async def test_a_copy_takes_the_log_along_and_again_only_what_is_new(clock: Clock, tmp_path: Path) -> None:
    source, target = await two(clock)
    await source.count(times=3)
    assert await copy(source, target, tmp_path) == [CopiedFetches(str(TODAY))]
    assert await target.counts() == counted(3)
    assert await copy(source, target, tmp_path) == []
    await source.count(times=2)
    clock.forward(days=1)
    await source.replica.log.maintain()
    await source.count(FILES[1])
    assert len(await copy(source, target, tmp_path)) == 2
    assert await source.counts() == counted(5) + counted(1, FILES[1])


async def test_two_logs_that_counted_the_same_day_are_added_up_once(clock: Clock, tmp_path: Path) -> None:
    """An index moves at noon: its new servers count before the old log arrives."""
    source, target = await two(clock)
    await source.count(times=3)
    await target.count(times=4)
    await copy(source, target, tmp_path)
    assert await target.counts() == counted(7)
    assert await copy(source, target, tmp_path) == []
    clock.forward(days=1)
    await target.replica.log.flush()
    await target.replica.log.maintain()
    assert await copy(source, target, tmp_path) == []
    assert await target.counts() == counted(7)


async def test_a_day_that_both_have_counted_since_it_was_copied_is_a_finding(clock: Clock, tmp_path: Path) -> None:
    source, target = await two(clock)
    await source.count()
    await target.count()
    clock.forward(days=1)
    for each in (source, target):
        await each.replica.log.flush()
        await each.replica.log.maintain()
    await copy(source, target, tmp_path)
    late = Replica(source.storage, Clock(NOON))
    late.fetch(FILES[0], JENKINS)
    await late.log.flush()
    events = await copy(source, target, tmp_path)
    assert [each.key for each in events if isinstance(each, Finding)] == [layout.merged_fetches(TODAY)]
    assert (await target.counts())[FILES[0], ANN.user, "192.0.2.7"] == 2


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.CONFLICT])
async def test_a_copy_that_fails_at_any_call_is_complete_when_it_is_repeated(
    clock: Clock, tmp_path: Path, fault: Fault
) -> None:
    for call in itertools.count(1):
        source, target = await two(clock)
        await source.count(times=2)
        await target.count(times=3)
        before = len(target.storage.calls)
        target.storage.fail_at(call, fault)
        with suppress(StorageError):
            await copy(source, target, tmp_path)
        calls = len(target.storage.calls) - before
        target.storage.recover()
        await copy(source, target, tmp_path)
        assert await target.counts() == counted(5)
        if calls < call:
            break
    assert call > 5


async def test_what_is_damaged_or_foreign_is_reported_by_verify_gc_and_copy(clock: Clock, tmp_path: Path) -> None:
    source, target = await two(clock)
    await source.count()
    damaged, foreign = layout.fetch_segment(SegmentKey(TODAY, "f" * 16, 0)), "fetches/2026-11-30/notes.txt"
    source.storage.objects |= {damaged: b"nothing", foreign: b"x"}
    events: list[Event] = []
    await StorageVerifier(source.storage, events.append).run()
    assert [each for each in events if isinstance(each, Foreign)] == [Foreign(foreign)]
    assert [each.key for each in events if isinstance(each, Finding)] == [damaged]
    events.clear()
    await Collector(source.storage, events.append, START + GRACE).run()
    assert events == [Foreign(foreign)]
    events = await copy(source, target, tmp_path)
    assert [each.key for each in events if isinstance(each, Finding)] == [damaged]
    assert await target.counts() == Counter()


async def test_a_line_that_cannot_be_read_is_a_finding(clock: Clock) -> None:
    source = await Index(clock).own()
    await source.count()
    (key,) = (key for key in source.storage.objects if key.startswith(layout.FETCHES))
    source.storage.objects[key] = source.storage.objects[key][:-3]
    events: list[Event] = []
    await StorageVerifier(source.storage, events.append).run()
    assert [each.key for each in events if isinstance(each, Finding)] == [key]
