"""The log of several servers: what is asked is answered from all of them, and every fetch counts exactly once."""

import asyncio
import itertools
import threading
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import strategies as st

from support.fetch_logs import ALL, ANN, JENKINS, NOBODY, NOON, Clock, Replica, digest_of
from support.memory_storage import Fault, MemoryStorage
from support.properties import given
from wheelyard_server.catalog.fetches import fetch_log
from wheelyard_server.catalog.fetches.answers import FetchFilter
from wheelyard_server.catalog.fetches.days import LogKeys
from wheelyard_server.errors import BusyError, StorageError, StorageUnavailableError
from wheelyard_server.settings import FetchLogSettings, RecordedAddresses
from wheelyard_server.storage import Storage, layout
from wheelyard_server.storage.layout import SegmentKey

DEMO, OTHER = "demo-1.0.tar.gz", "other-2.0.tar.gz"
TODAY = NOON.date()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def keys(storage: Storage) -> list[str]:
    return [each.key async for each in storage.list(layout.FETCHES)]


async def test_who_fetched_a_digest_a_project_or_a_version(clock: Clock) -> None:
    replica = Replica(MemoryStorage(), clock)
    began = int(clock())
    replica.fetch(DEMO, JENKINS, client="uv")
    clock.forward(minutes=5)
    replica.fetch(DEMO, JENKINS, client="uv")
    replica.fetch("demo-2.0.tar.gz", ANN)
    replica.fetch("demon-1.0.tar.gz", ANN)
    (found,) = await replica.who(FetchFilter(sha256=digest_of(DEMO)))
    assert (found.file.filename, found.file.version, found.fetcher.login) == (DEMO, "1.0", JENKINS)
    assert (found.uses.first, found.uses.last, found.uses.fetches) == (began, began + 300, 2)
    assert {each.file.version for each in await replica.who(FetchFilter(project="demo"))} == {"1.0", "2.0"}
    (found,) = await replica.who(FetchFilter(project="demo", version="2.0.0"))
    assert found.fetcher.login == ANN
    assert await replica.who(FetchFilter(project="demo", covers=lambda project: project != "demo")) == ()
    covered = await replica.who(FetchFilter(covers=lambda project: project == "demon"))
    assert {each.file.project for each in covered} == {"demon"}


async def test_fetches_before_the_digest_was_known_are_found_by_it(clock: Clock) -> None:
    """An upstream without digests: the first clients fetch a file whose digest is known at its end (U4)."""
    replica = Replica(MemoryStorage(), clock)
    replica.fetch(DEMO, ANN, digest="")
    replica.fetch(OTHER, ANN, digest="")
    clock.forward(days=1)
    replica.fetch(DEMO, JENKINS)
    found = await replica.who(FetchFilter(sha256=digest_of(DEMO)))
    assert {(each.file.filename, each.file.sha256, each.fetcher.login) for each in found} == {
        (DEMO, digest_of(DEMO), ANN),
        (DEMO, digest_of(DEMO), JENKINS),
    }
    used = {each.file.filename: each for each in (await replica.log.used(30))[0].files()}
    assert (used[DEMO].fetches, used[DEMO].last) == (2, int(clock()))
    assert used[OTHER].file.sha256 == ""


async def test_only_the_days_that_were_asked_for_count_and_the_answer_says_which_there_are(clock: Clock) -> None:
    replica = Replica(MemoryStorage(), clock)
    for _ in range(4):
        replica.fetch()
        await replica.log.flush()
        clock.forward(days=1)
    assert (await replica.counts())[DEMO, "", "192.0.2.7"] == 4
    assert sum(each.uses.fetches for each in await replica.who(days=3)) == 2
    coverage = await replica.coverage(days=30)
    assert (coverage.days, coverage.kept_days, coverage.since) == (30, 90, TODAY)
    assert (await replica.coverage(days=2)).since == TODAY + timedelta(days=3)


@pytest.mark.parametrize(("addresses", "shown"), [("Full", "192.0.2.7"), ("Network", "192.0.2.0/24"), ("None", "")])
async def test_addresses_are_recorded_as_the_settings_say(clock: Clock, addresses: str, shown: str) -> None:
    replica = Replica(MemoryStorage(), clock, FetchLogSettings(addresses=RecordedAddresses(addresses)))
    replica.fetch()
    assert [each.fetcher.address for each in await replica.who()] == [shown]


async def test_days_past_their_time_are_removed_and_all_of_them_if_no_log_is_kept(clock: Clock) -> None:
    storage = MemoryStorage()
    replica = Replica(storage, clock, FetchLogSettings(days=2))
    days = []
    for _ in range(5):
        days.append(clock.at.date())
        replica.fetch()
        await replica.log.flush()
        await replica.log.maintain()
        clock.forward(days=1)
    await replica.log.maintain()
    assert {each.split("/")[1] for each in await keys(storage)} == {str(day) for day in days[-2:]}
    off = Replica(storage, clock, FetchLogSettings(days=0))
    off.fetch()
    await off.log.flush()
    await off.log.maintain()
    assert await keys(storage) == []


async def test_many_segments_of_today_are_merged_before_its_end(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wheelyard_server.catalog.fetches.days.MERGED_AT_ONCE", 7)
    storage = MemoryStorage()
    replica = Replica(storage, clock)
    for number in range(1, fetch_log.MERGED_FROM + 1):
        assert len(await keys(storage)) == number - 1
        replica.fetch()
        await replica.log.flush()
        await replica.log.maintain()
        clock.forward(seconds=50)
    assert await keys(storage) == [layout.merged_fetches(TODAY)]
    assert (await replica.counts())[DEMO, "", "192.0.2.7"] == fetch_log.MERGED_FROM


async def test_an_idle_server_writes_once_an_hour_and_one_that_was_killed_is_noticed(clock: Clock) -> None:
    storage = MemoryStorage()
    idle, killed, ended = (Replica(storage, clock) for _ in range(3))
    for replica in (idle, killed, ended):
        await replica.log.flush()
    await ended.log.flush(is_last=True)
    for _ in range(70):
        clock.forward(minutes=1)
        await idle.log.flush()
    assert len(await keys(storage)) == 3 + 1 + 1
    assert len((await idle.coverage()).killed) == 1
    clock.forward(days=1)
    await idle.log.flush()
    await idle.log.maintain()
    assert len((await idle.coverage()).killed) == 1
    assert killed.log is not idle.log


async def test_what_was_dropped_or_is_coarse_is_said_and_is_not_said_of_networks_by_choice(clock: Clock) -> None:
    storage = MemoryStorage()
    replica = Replica(storage, clock)
    replica.log.counter._max_rows = 2
    for number in range(5):
        replica.fetch(f"demo-{number}.0.tar.gz", address=f"10.0.{number}.1")
    coverage = await replica.coverage()
    assert (coverage.coarse, coverage.dropped) == (2, 1)
    chosen = Replica(storage, clock, FetchLogSettings(addresses=RecordedAddresses.NETWORK))
    assert ((await chosen.coverage()).coarse, (await chosen.coverage()).dropped) == (1, 1)


async def test_an_answer_is_bounded_and_says_what_it_omits(clock: Clock) -> None:
    replica = Replica(MemoryStorage(), clock)
    for number in range(10_005):
        replica.fetch(DEMO, address=f"10.{number % 200}.{number // 200}.1")
    answer, coverage = await replica.log.who(ALL, 1)
    assert (len(answer.rows()), coverage.omitted) == (10_000, 5)


async def test_a_damaged_object_is_named_and_stops_no_answer_and_no_merge_hides_it(clock: Clock) -> None:
    storage = MemoryStorage()
    replica = Replica(storage, clock)
    replica.fetch()
    await replica.log.flush()
    damaged = layout.fetch_segment(SegmentKey(TODAY, "0" * 16, 0))
    storage.objects[damaged] = b"nothing"
    assert (await replica.counts())[DEMO, "", "192.0.2.7"] == 1
    assert (await replica.coverage()).damaged == (damaged,)
    clock.forward(days=2)
    await replica.log.maintain()
    assert damaged in storage.objects
    assert (await replica.coverage()).damaged == (damaged,)


async def test_statistics_are_by_day_version_and_client_and_remembered_for_a_minute(clock: Clock) -> None:
    storage = MemoryStorage()
    replica = Replica(storage, clock)
    for login, client in ((ANN, "pip"), (JENKINS, "pip"), (NOBODY, "uv")):
        replica.fetch(DEMO, login, client=client)
    await replica.log.flush()
    clock.forward(days=1)
    replica.fetch("demo-2.0.tar.gz")
    await replica.log.flush()
    answer, coverage = await replica.log.statistics("demo", 30)
    assert [(*of_day, uses.fetches) for of_day, uses in answer.rows()] == [
        (TODAY + timedelta(days=1), "2.0", "pip", 1),
        (TODAY, "1.0", "pip", 2),
        (TODAY, "1.0", "uv", 1),
    ]
    assert coverage.since == TODAY
    calls = len(storage.calls)
    assert await replica.log.statistics("demo", 30) == (answer, coverage)
    assert len(storage.calls) == calls
    clock.forward(minutes=2)
    assert (await replica.log.statistics("demo", 30))[0] is not answer
    assert (await replica.log.statistics("none", 30))[0].rows() == ()


async def test_more_questions_than_can_wait_are_refused(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_log, "WAITING", 3)
    replica = Replica(MemoryStorage(), clock)
    answers = await asyncio.gather(*(replica.who() for _ in range(5)), return_exceptions=True)
    assert [type(each) for each in answers] == [tuple, tuple, tuple, BusyError, BusyError]
    assert await replica.who() == ()


async def test_readers_who_ask_for_statistics_keep_no_manager_from_an_answer(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone may ask for statistics of a public index, also while its managers have an incident."""
    monkeypatch.setattr(fetch_log, "WAITING", 3)
    replica = Replica(MemoryStorage(), clock)
    days, answers = replica.log._days, asyncio.Event()
    keys = days.keys

    async def slow_keys() -> LogKeys:
        await answers.wait()
        return await keys()

    monkeypatch.setattr(days, "keys", slow_keys)
    asked = [asyncio.create_task(replica.log.statistics("demo", number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    monkeypatch.setattr(days, "keys", keys)
    assert await replica.who() == ()
    answers.set()
    statistics = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in statistics] == [tuple, tuple, tuple, BusyError, BusyError]


WRITES = [
    Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.LOST_ANSWER_THEN_CONFLICT, Fault.CONFLICT, Fault.TRUNCATED_BODY,
]  # fmt: skip


@pytest.mark.parametrize("fault", WRITES)
@pytest.mark.parametrize("step", ["flush", "merge"])
async def test_a_fault_at_any_call_of_a_flush_or_a_merge_loses_and_doubles_nothing(fault: Fault, step: str) -> None:
    """Then the server goes on; `test_kills` is about servers that do not."""
    for call in itertools.count(1):
        storage, clock = MemoryStorage(), Clock()
        replica, other = Replica(storage, clock), Replica(storage, clock)
        for each in (replica, other):
            each.fetch()
            await each.log.flush()
            each.fetch()
        clock.forward(days=1)
        if step == "merge":
            await replica.log.flush()
            await other.log.flush()
        before = len(storage.calls)
        storage.fail_at(call, fault)
        with suppress(StorageError):
            await (replica.log.flush() if step == "flush" else replica.log.maintain())
        calls = len(storage.calls) - before
        storage.recover()
        for each in (replica, other, replica):
            await each.log.flush()
            await each.log.maintain()
        assert await replica.counts() == {(DEMO, "", "192.0.2.7"): 4}
        assert await keys_of_yesterday(storage) == [layout.merged_fetches(TODAY)]
        if calls < call:
            break
    assert call > 2


async def keys_of_yesterday(storage: Storage) -> list[str]:
    return [key for key in await keys(storage) if str(TODAY) in key]


class KilledError(Exception):
    """Ends a server in the middle of a call, as far as its storage can see."""


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after it"])
@pytest.mark.parametrize("step", ["flush", "merge"])
async def test_a_server_that_is_killed_at_any_call_loses_only_its_last_minute(step: str, *, after: bool) -> None:
    for call in itertools.count(1):
        storage, clock = MemoryStorage(), Clock()
        victim, other = Replica(storage, clock), Replica(storage, clock)
        for each in (victim, other):
            each.fetch()
            await each.log.flush()
        victim.fetch(OTHER)
        if step == "merge":
            await victim.log.flush()
        clock.forward(days=1)
        is_whole = await killed_at(storage, victim, call + 1 if after else call, step)
        await other.log.flush()
        await other.log.maintain()
        counts = await other.counts()
        assert counts[DEMO, "", "192.0.2.7"] == 2
        assert counts[OTHER, "", "192.0.2.7"] in ({1} if is_whole or step == "merge" else {0, 1})
        clock.forward(hours=2)
        assert len((await other.coverage()).killed) == 1
        assert await keys_of_yesterday(storage) == [layout.merged_fetches(TODAY)]
        if is_whole:
            break
    assert call > 1


async def killed_at(storage: MemoryStorage, victim: Replica, call: int, step: str) -> bool:
    """Run a step that ends before the given call; return whether it has no such call."""
    first = len(storage.calls)

    def kill(_method: str, _key: str) -> None:
        if len(storage.calls) - first >= call:
            raise KilledError

    storage.before_call = kill
    try:
        await (victim.log.flush() if step == "flush" else victim.log.maintain())
    except KilledError:
        return False
    finally:
        storage.before_call = None
    return True


async def test_a_server_that_was_asleep_for_days_adds_its_fetches_to_days_that_are_merged(clock: Clock) -> None:
    storage = MemoryStorage()
    asleep, other = Replica(storage, clock), Replica(storage, clock)
    for each in (asleep, other):
        each.fetch()
        await each.log.flush()
    asleep.fetch()
    clock.forward(days=3)
    await other.log.flush()
    await other.log.maintain()
    assert (await other.counts())[DEMO, "", "192.0.2.7"] == 2
    await asleep.log.flush()
    await other.log.maintain()
    assert (await other.counts())[DEMO, "", "192.0.2.7"] == 3
    assert await keys_of_yesterday(storage) == [layout.merged_fetches(TODAY)]


async def test_an_answer_during_a_merge_counts_everything_once(clock: Clock) -> None:
    """Another server merges before each call of the reader in turn."""
    for call in itertools.count(1):
        storage = MemoryStorage()
        reader, other = Replica(storage, clock), Replica(storage, clock)
        for each in (reader, other):
            for _ in range(3):
                each.fetch()
                await each.log.flush()
        first = len(storage.calls)
        storage.before_call = partial(merge_before, storage, first + call, clock)
        assert (await reader.counts())[DEMO, "", "192.0.2.7"] == 6
        if len(storage.calls) - first < call:
            break
    assert call > 5


def merge_before(storage: MemoryStorage, call: int, clock: Clock, _method: str, _key: str) -> None:
    """Merge everything, as another server does, if this is the given call."""
    if len(storage.calls) == call:
        same = MemoryStorage()
        same.objects = storage.objects
        run(Replica(same, Clock(clock.at + timedelta(days=1))).log.maintain())


def run(work: object) -> None:
    """Run a coroutine to its end, from within another one."""
    thread = threading.Thread(target=lambda: asyncio.run(work))  # type: ignore[arg-type]
    thread.start()
    thread.join()


class World:
    """Three servers that fetch, write, merge, are killed and return, at any time, on a storage that may fail."""

    def __init__(self) -> None:
        self.storage, self.clock = MemoryStorage(), Clock()
        self.replicas = [Replica(self.storage, self.clock) for _ in range(3)]
        self.unwritten: list[Counter[str]] = [Counter() for _ in range(3)]
        self.certain: Counter[str] = Counter()
        self.possible: Counter[str] = Counter()
        """Fetches since the last acknowledged write of a server that was killed."""

    async def fetch(self, number: int, filename: str) -> None:
        self.replicas[number].fetch(filename)
        self.unwritten[number][filename] += 1

    async def flush(self, number: int) -> None:
        try:
            await self.replicas[number].log.flush()
        except StorageUnavailableError:
            return
        self.certain += self.unwritten[number]
        self.unwritten[number] = Counter()

    async def maintain(self, number: int) -> None:
        try:
            await self.replicas[number].log.maintain()
        except StorageUnavailableError:
            return

    async def kill(self, number: int) -> None:
        self.possible += self.unwritten[number]
        self.unwritten[number] = Counter()
        self.replicas[number] = Replica(self.storage, self.clock)

    async def check(self) -> None:
        self.storage.recover()
        for number in range(3):
            await self.flush(number)
        found = Counter({filename: count for (filename, _, _), count in (await self.replicas[0].counts()).items()})
        for filename in {*found, *self.certain}:
            least = self.certain[filename]
            assert least <= found[filename] <= least + self.possible[filename]


STEP = st.one_of(
    st.tuples(st.just("fetch"), st.integers(0, 2), st.sampled_from([DEMO, OTHER])),
    st.tuples(st.sampled_from(["flush", "maintain", "kill"]), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.sampled_from([50, 3600, 86_400])),
    st.tuples(st.just("fail"), st.integers(1, 6), st.sampled_from(list(Fault)), st.integers(1, 3)),
)


@pytest.mark.usefixtures("no_threads")
@given(st.lists(STEP, min_size=5, max_size=40))
def test_no_fetch_is_lost_or_counted_twice_but_for_the_last_minute_of_a_killed_server(
    steps: list[tuple[str, int, object, object]],
) -> None:
    async def live() -> None:
        world = World()
        for step, *arguments in steps:
            if step == "wait":
                world.clock.forward(seconds=float(arguments[0]))  # type: ignore[arg-type]
            elif step == "fail":
                world.storage.fail_at(*arguments)  # type: ignore[arg-type]
            else:
                await getattr(world, step)(*arguments)
        await world.check()

    asyncio.run(live())


async def test_ranges_of_an_hour_count_once_however_many_minutes_and_servers_they_need(clock: Clock) -> None:
    storage = MemoryStorage()
    replicas = [Replica(storage, clock) for _ in range(2)]
    for _ in range(3):
        for replica in replicas:
            replica.fetch(is_part=True)
            await replica.log.flush()
        clock.forward(minutes=10)
    (found,) = await replicas[0].who()
    assert (found.uses.fetches, found.uses.parts) == (1, 6)
    clock.forward(hours=1)
    replicas[0].fetch(is_part=True)
    (found,) = await replicas[0].who()
    assert (found.uses.fetches, found.uses.parts) == (2, 7)


async def test_a_day_is_maintained_every_ten_minutes_at_most_and_not_at_the_start(clock: Clock) -> None:
    storage = MemoryStorage()
    replica = Replica(storage, clock)
    lists = []
    for _ in range(30):
        await replica.log.maintain_if_due()
        lists.append(storage.calls.count(f"list {layout.FETCHES}"))
        clock.forward(minutes=1)
    assert (lists[0], lists[10]) == (0, 1)
    assert lists[-1] in {2, 3}
