import asyncio
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from support.patience import HANG_SECONDS, until
from wheelyard_operator.kube import ApiError
from wheelyard_operator.logs import JsonFormatter
from wheelyard_operator.process.heartbeats import Heartbeats
from wheelyard_operator.process.queue import WorkQueue
from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_operator.resource import Key

A, B = Key("PackageIndex", "n", "a"), Key("PackageIndex", "n", "b")


@asynccontextmanager
async def running(
    reconcile: Callable[[Key], Outcome], heartbeats: Heartbeats | None = None, workers: int = 4
) -> AsyncIterator[WorkQueue]:
    queue = WorkQueue(reconcile, heartbeats, workers)
    task = asyncio.create_task(queue.run())
    yield queue
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_keys_run_side_by_side_but_one_key_never_does() -> None:
    both, count, most = threading.Barrier(2, timeout=HANG_SECONDS), {A: 0, B: 0}, {A: 0, B: 0}
    ran: list[Key] = []

    def reconcile(key: Key) -> Outcome:
        count[key] += 1
        most[key] = max(most[key], count[key])
        if len(ran) < 2:
            both.wait()
        count[key] -= 1
        ran.append(key)
        return Outcome()

    async with running(reconcile) as queue:
        for key in (A, B, A):
            queue.add(key)
        await until(lambda: len(ran) >= 2)
        queue.add(A)
        queue.add(A)
        await until(lambda: ran.count(A) >= 2)
    assert most == {A: 1, B: 1}


async def test_a_failure_is_tried_again() -> None:
    calls: list[Key] = []

    def reconcile(key: Key) -> Outcome:
        calls.append(key)
        if len(calls) == 1:
            raise RuntimeError
        return Outcome()

    async with running(reconcile) as queue:
        queue.add(A)
        await until(lambda: len(calls) == 2)
        assert not queue.is_stuck()


async def test_an_event_during_a_run_makes_another() -> None:
    started, go = threading.Event(), threading.Event()
    calls: list[Key] = []

    def reconcile(key: Key) -> Outcome:
        calls.append(key)
        started.set()
        go.wait(HANG_SECONDS)
        return Outcome()

    async with running(reconcile) as queue:
        queue.add(A)
        await until(started.is_set)
        queue.add(A)
        go.set()
        await until(lambda: len(calls) == 2)


class Clock:
    """The queue's clock, which may go forward at once."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._ahead

    def go_forward(self, seconds: float) -> None:
        self._ahead += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_hanging_reconciliation_is_noticed(clock: Clock) -> None:
    started, go = threading.Event(), threading.Event()

    def reconcile(_: Key) -> Outcome:
        started.set()
        go.wait(HANG_SECONDS)
        return Outcome()

    async with running(reconcile, Heartbeats(clock)) as queue:
        queue.add(A)
        await until(started.is_set)
        clock.go_forward(200)
        assert not queue.is_stuck()
        clock.go_forward(200)
        assert queue.is_stuck()
        go.set()
        await until(lambda: not queue.is_stuck())


async def test_waiting_for_several_dead_servers_in_a_row_is_not_a_hang(clock: Clock) -> None:
    """A call that ends, by a timeout too, is progress."""
    calls, heartbeats, made = threading.Semaphore(0), Heartbeats(clock), Counter[Key]()

    def reconcile(key: Key) -> Outcome:
        for _ in range(3):
            calls.acquire(timeout=HANG_SECONDS)
            heartbeats.record()
            made[key] += 1
        return Outcome()

    async with running(reconcile, heartbeats) as queue:
        queue.add(A)
        await until(lambda: queue.count_running() == 1)
        for _ in range(3):
            clock.go_forward(200)
            before = made.total()
            calls.release()
            await until(lambda: made.total() != before)  # noqa: B023 - awaited here
            assert not queue.is_stuck()


async def test_keys_that_no_worker_takes_are_noticed(clock: Clock) -> None:
    go, heartbeats = threading.Event(), Heartbeats(clock)

    def reconcile(_: Key) -> Outcome:
        while not go.wait(0.01):
            heartbeats.record()
        return Outcome()

    async with running(reconcile, heartbeats, workers=1) as queue:
        queue.add(A)
        queue.add(B)
        await until(lambda: queue.count_running() == 1)
        assert queue.count_due() == 1
        clock.go_forward(400)
        await until(queue.is_stuck)
        go.set()
        await until(lambda: queue.count_due() == 0)
        assert not queue.is_stuck()


async def test_before_its_time_it_is_never_stuck(clock: Clock) -> None:
    """An operator that stands by has old keys and is well."""
    queue = WorkQueue(lambda _: Outcome(), Heartbeats(clock))
    queue.add(A)
    clock.go_forward(1e6)
    assert not queue.is_stuck()
    assert queue.count_due() == 1


async def test_running_reconciliations_finish_when_the_queue_ends() -> None:
    started, go = threading.Event(), threading.Event()

    def reconcile(_: Key) -> Outcome:
        started.set()
        go.wait(HANG_SECONDS)
        return Outcome()

    queue = WorkQueue(reconcile)
    task = asyncio.create_task(queue.run())
    queue.add(A)
    await until(started.is_set)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not await queue.comes_to_rest(0.1)
    go.set()
    assert await queue.comes_to_rest(5)


@pytest.mark.parametrize("steps", range(6))
async def test_the_queue_ends_though_a_key_arrives_at_the_same_moment(steps: int) -> None:
    """A worker that is woken and canceled within a few steps of the loop must end."""
    queue = WorkQueue(lambda _: Outcome(), workers=1)
    task = asyncio.create_task(queue.run())
    queue.add(A)
    await until(lambda: queue.known(A.kind) == [A] and queue.count_due() == 0 and queue.count_running() == 0)
    await asyncio.sleep(0.01)
    queue._changed.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=HANG_SECONDS)
    task.cancel()
    assert done


async def test_lines_of_a_reconciliation_and_of_its_failure_are_about_its_resource() -> None:
    about: list[object] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            about.append(json.loads(JsonFormatter().format(record)).get("name"))

    def reconcile(_key: Key) -> Outcome:
        log.warning("under way")
        raise ApiError(500, "no")

    log, handler = logging.getLogger("wheelyard_operator.process.queue"), Handler()
    log.addHandler(handler)
    try:
        async with running(reconcile) as queue:
            queue.add(A)
            await until(lambda: len(about) >= 2)
    finally:
        log.removeHandler(handler)
    assert about == ["a", "a"]


async def test_a_key_that_takes_too_long_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """There is one worker only, and it goes on; the key itself never runs twice at a time."""
    go, ran, overran = threading.Event(), Counter[Key](), list[Key]()

    def reconcile(key: Key) -> Outcome:
        ran[key] += 1
        if key == A:
            go.wait(HANG_SECONDS)
        return Outcome()

    async with running(reconcile, workers=1) as queue:
        queue.budget_seconds, queue.overran = 0.05, overran.append
        queue.add(A)
        await until(lambda: A in overran)
        for _ in range(2):
            queue.add(A)
            queue.add(B)
            before = ran[B]
            await until(lambda before=before: ran[B] > before)  # type: ignore[misc]
        assert ran[A] == 1
        go.set()
        await until(lambda: queue.count_running() == 0)
    assert "PackageIndex n/a: takes longer than 0.05 s" in caplog.text


async def test_the_number_of_overrunning_reconciliations_is_limited() -> None:
    """Each has a thread, and there are twice as many threads as workers.

    The next one has to wait.
    """
    go, started = threading.Event(), Counter[Key]()
    keys = [Key("PackageIndex", "n", str(number)) for number in range(5)]
    overran: list[Key] = []

    def reconcile(key: Key) -> Outcome:
        started[key] += 1
        go.wait(HANG_SECONDS)
        return Outcome()

    async with running(reconcile, workers=2) as queue:
        queue.budget_seconds, queue.overran = 0.01, overran.append
        for key in keys:
            queue.add(key)
        await until(lambda: len(overran) == 4)
        assert started.total() == 4
        go.set()
        await until(lambda: started.total() == 5)
