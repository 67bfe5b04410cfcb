from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_operator.reconcile.queue import WorkQueue
from wheelyard_operator.resource import Key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

A, B = Key("PackageIndex", "n", "a"), Key("PackageIndex", "n", "b")


@asynccontextmanager
async def running(reconcile: Callable[[Key], Outcome]) -> AsyncIterator[WorkQueue]:
    queue = WorkQueue(reconcile, workers=4)
    task = asyncio.create_task(queue.run())
    yield queue
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_keys_run_side_by_side_but_one_key_never_does() -> None:
    both, count, most = threading.Barrier(2, timeout=5), {A: 0, B: 0}, {A: 0, B: 0}
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
        go.wait(5)
        return Outcome()

    async with running(reconcile) as queue:
        queue.add(A)
        await until(started.is_set)
        queue.add(A)
        go.set()
        await until(lambda: len(calls) == 2)


async def test_a_hanging_reconciliation_is_noticed() -> None:
    queue = WorkQueue(lambda _: Outcome())
    assert not queue.is_stuck()
    queue._started[A] = -1e9
    assert queue.is_stuck()
