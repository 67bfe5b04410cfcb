import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import kopf
import pytest
from aiohttp import ClientSession, web

from cluster.versitygw import free_port
from support.patience import HANG_SECONDS, let_tasks_run, until
from wheelyard_operator.process import life as life_module
from wheelyard_operator.process.leadership import Alone, LeadershipLostError
from wheelyard_operator.process.life import Life
from wheelyard_operator.process.metrics import Metrics, metrics_app
from wheelyard_operator.process.queue import WorkQueue
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.resource import Key

A, B = Key("PackageIndex", "n", "a"), Key("IndexUser", "n", "b")


class Leader(Alone):
    """Leads, and loses the lead, when a test sets the events."""

    def __init__(self) -> None:
        self.leads = False
        self.may_lead, self.lost = asyncio.Event(), asyncio.Event()
        self.released = False

    async def acquire(self) -> None:
        await self.may_lead.wait()
        self.leads = True

    async def keep(self) -> None:
        await self.lost.wait()
        self.leads = False
        raise LeadershipLostError

    async def release(self) -> None:
        assert not self.leads
        self.released = True


class Operator:
    """An operator whose reconciliations are held until they may go on."""

    def __init__(self) -> None:
        self.leader = Leader()
        self.hold, self.done, self.begun = threading.Event(), list[Key](), list[Key]()
        self.hold.set()
        self.ends: list[int] = []
        self.queue = WorkQueue(self.reconcile)
        self.life = Life(self.queue, self.leader, web.Application(), 0, self.ends.append)

    def has_released(self) -> bool:
        return self.leader.released

    def reconcile(self, key: Key) -> Outcome:
        self.begun.append(key)
        self.hold.wait(HANG_SECONDS)
        if not self.leader.leads:
            # As the next call to the outside would.
            raise LeadershipLostError
        self.done.append(key)
        return Outcome()


@pytest.fixture
async def operator() -> Operator:
    return Operator()


async def lead_and_hold(operator: Operator, key: Key) -> None:
    """Have it lead, and be in the midst of a reconciliation."""
    operator.leader.may_lead.set()
    operator.hold.clear()
    await operator.life.start()
    operator.queue.add(key)
    await until(lambda: operator.begun == [key])


async def test_a_standby_is_healthy_and_does_nothing_until_it_leads(operator: Operator) -> None:
    await operator.life.start()
    operator.queue.add(A)
    await let_tasks_run()
    assert operator.begun == []
    assert await operator.life.probe() == "stands by"
    operator.leader.may_lead.set()
    await until(lambda: operator.done == [A])
    assert await operator.life.probe() == "leads"
    await operator.life.stop()


async def test_an_operator_that_lost_the_lease_exits_at_once(operator: Operator) -> None:
    operator.leader.may_lead.set()
    await operator.life.start()
    await until(lambda: operator.leader.leads)
    operator.leader.lost.set()
    await until(lambda: operator.ends == [1])
    await operator.life.stop()


async def test_at_the_end_what_runs_may_finish_and_then_another_may_lead(operator: Operator) -> None:
    await lead_and_hold(operator, A)
    stopping = asyncio.create_task(operator.life.stop())
    await let_tasks_run()
    operator.queue.add(B)
    assert not operator.has_released()
    operator.hold.set()
    await stopping
    assert (operator.done, operator.begun) == ([A], [A])
    assert operator.has_released()
    assert operator.ends == []


async def test_at_the_end_what_does_not_finish_is_interrupted(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_module, "_FINISH_SECONDS", 0.1)
    monkeypatch.setattr(life_module, "_INTERRUPT_SECONDS", HANG_SECONDS)
    await lead_and_hold(operator, A)
    stopping = asyncio.create_task(operator.life.stop())
    await until(lambda: not operator.leader.leads)
    assert not operator.has_released()
    operator.hold.set()
    await stopping
    assert operator.done == []
    assert operator.has_released()


async def test_as_long_as_something_may_write_the_lease_is_not_released(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_module, "_FINISH_SECONDS", 0.1)
    monkeypatch.setattr(life_module, "_INTERRUPT_SECONDS", 0.1)
    await lead_and_hold(operator, A)
    await operator.life.stop()
    assert not operator.has_released(), "it expires"
    assert operator.ends == [1]
    operator.hold.set()


async def test_a_standby_ends_without_having_led(operator: Operator) -> None:
    await operator.life.start()
    await operator.life.stop()
    assert operator.begun == []
    assert operator.ends == []


async def test_a_queue_that_has_ended_is_not_alive(operator: Operator) -> None:
    operator.leader.may_lead.set()
    await operator.life.start()
    await until(lambda: operator.leader.leads)
    (working,) = (task for task in asyncio.all_tasks() if task.get_name() == "queue")
    working.cancel()
    await until(lambda: operator.ends == [1])
    with pytest.raises(kopf.PermanentError):
        await operator.life.probe()
    await operator.life.stop()


def break_acquiring(operator: Operator, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(operator.leader, "acquire", broken)


def break_keeping(operator: Operator, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(operator.leader, "keep", broken)


def break_a_worker(operator: Operator, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(operator.queue, "_next", broken)


def end_the_work(operator: Operator, patch: pytest.MonkeyPatch) -> None:
    async def at_once() -> None:
        """Return."""

    patch.setattr(operator.queue, "run", at_once)


async def broken() -> None:
    raise RuntimeError("unexpected")


@pytest.mark.parametrize("fault", [break_acquiring, break_keeping, break_a_worker, end_the_work])
async def test_a_loop_that_ends_ends_the_operator(
    operator: Operator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[..., None],
) -> None:
    fault(operator, monkeypatch)
    operator.leader.may_lead.set()
    await operator.life.start()
    await until(lambda: operator.ends == [1])
    assert "has ended, and so the operator exits" in caplog.text
    with pytest.raises(kopf.PermanentError):
        await operator.life.probe()
    await operator.life.stop()


def test_no_loop_is_left_to_itself() -> None:
    """All are begun by `Life._supervised`, or in a group that ends with any of its tasks."""
    package = Path(life_module.__file__).parents[1]
    begun = {
        (str(file.relative_to(package)), line.strip())
        for file in package.rglob("*.py")
        for line in file.read_text().splitlines()
        if "create_task(" in line or "ensure_future(" in line
    }
    assert {file for file, line in begun if "group.create_task(" not in line} == {"process/life.py"}
    assert [line for file, line in begun if file == "process/life.py"] == [
        "task = asyncio.create_task(work, name=name)"
    ]


ENDS = {"key": "2026-11-25T00:00:00Z", "certificate": ""}


async def test_metrics_are_served_and_name_no_resource() -> None:
    metrics, leader, port = Metrics(), Alone(), free_port()

    def reconcile(key: Key) -> Outcome:
        if key == B:
            raise RuntimeError
        if key.name == "gone":
            return GONE
        return Outcome(after=60, state="stalled") if key.name == "waiting" else Outcome(state="ready", ends=ENDS)

    queue = WorkQueue(metrics.measured(reconcile))
    metrics.follow(queue, leader)
    life = Life(queue, leader, metrics_app(metrics), port)
    await life.start()
    metrics.record_event("secrets")
    for key in (A, B, Key("PackageIndex", "n", "gone"), Key("PackageIndex", "n", "waiting")):
        queue.add(key)

    async def told() -> str:
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            assert answer.content_type == "text/plain"
            return await answer.text()

    lines = (
        "wheelyard_operator_leads 1.0",
        'wheelyard_operator_reconciliations_total{kind="IndexUser",result="error"}',
        'wheelyard_operator_reconciliations_total{kind="PackageIndex",result="settled"} 1.0',
        'wheelyard_operator_reconciliations_total{kind="PackageIndex",result="gone"} 1.0',
        'wheelyard_operator_reconciliations_total{kind="PackageIndex",result="waiting"} 1.0',
        'wheelyard_operator_reconcile_seconds_count{kind="PackageIndex"} 3.0',
        'wheelyard_operator_next_end_timestamp_seconds{of="key"} 1.7',
        'wheelyard_operator_next_end_timestamp_seconds{of="token"} +Inf',
        'wheelyard_operator_resources{kind="PackageIndex",state="ready"} 1.0',
        'wheelyard_operator_resources{kind="PackageIndex",state="stalled"} 1.0',
        'wheelyard_operator_resources{kind="IndexUser",state="ready"} 0.0',
        'wheelyard_operator_last_event_timestamp_seconds{resource="secrets"} 1.',
        'wheelyard_operator_last_reconcile_timestamp_seconds{kind="PackageIndex"} 1.',
        "wheelyard_operator_queue_due ",
        "wheelyard_operator_queue_running ",
    )
    end = time.monotonic() + HANG_SECONDS
    text = await told()
    while missing := [line for line in lines if line not in text]:
        assert time.monotonic() < end, missing
        await asyncio.sleep(0.02)
        text = await told()
    assert 'last_reconcile_timestamp_seconds{kind="IndexUser"}' not in text, "it never went well"
    await life.stop()
