"""Events are sent in their order, again after failures, and given up only if the receiver refuses them."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from support.made_events import made
from wheelyard_server.events import delivery as delivery_module
from wheelyard_server.events.delivery import MAX_WAIT_SECONDS, Delivery
from wheelyard_server.events.queue import EventQueue, Result, Waiting
from wheelyard_server.events.sender import NotSentError
from wheelyard_server.settings.webhook import EventKind

DOWN = NotSentError("does not accept connections (hooks.example.com)")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeSender:
    """Answers with what a test says, and keeps what arrived."""

    def __init__(self) -> None:
        self.errors: list[NotSentError | None] = []
        self.tried: list[tuple[str, bool]] = []
        self.waits = False

    async def send(self, event: Waiting, *, is_again: bool) -> None:
        self.tried.append((event.id, is_again))
        if self.waits:
            await asyncio.Event().wait()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


@pytest.fixture
def queue() -> EventQueue:
    return EventQueue("/wheelyard/a/b", tuple(EventKind))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def delivery(queue: EventQueue, sender: FakeSender, clock: Clock) -> Delivery:
    return Delivery(queue, sender, clock, lambda: 5.0, jitter=lambda: 1.0)


async def waits(delivery: Delivery, sender: FakeSender, clock: Clock) -> float:
    """Return the seconds after which the next attempt is made."""
    before, tried = clock.now, len(sender.tried)
    while len(sender.tried) == tried:
        clock.now += 1
        await delivery.deliver()
    return clock.now - before


async def test_what_waits_is_sent_in_its_order(delivery: Delivery, queue: EventQueue, sender: FakeSender) -> None:
    for subject in "abc":
        queue.emit(made(subject))
    await delivery.deliver()
    assert len(sender.tried) == 3
    assert len(queue) == 0
    assert queue.counts.results == {(EventKind.BLOCKED, Result.SENT): 3}


async def test_the_pause_doubles_up_to_five_minutes_and_the_event_stays_the_first(
    delivery: Delivery, queue: EventQueue, sender: FakeSender, clock: Clock
) -> None:
    sender.errors = [DOWN] * 12
    queue.emit(made("a"))
    queue.emit(made("b"))
    await delivery.deliver()
    pauses = [await waits(delivery, sender, clock) for _ in range(11)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert len({event for event, _ in sender.tried}) == 1
    assert [again for _, again in sender.tried[:2]] == [False, True]  # A connection may be the reason.
    await waits(delivery, sender, clock)
    assert len(queue) == 0
    assert queue.counts.failed_attempts == 12


async def test_the_state_says_why_events_wait_and_since_when(
    delivery: Delivery, queue: EventQueue, sender: FakeSender, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sender.errors = [DOWN, DOWN, None]
    queue.emit(made("a"))
    await delivery.deliver()
    await waits(delivery, sender, clock)
    assert [*delivery.state] == ["The webhook does not accept connections (hooks.example.com)", 5.0]
    await waits(delivery, sender, clock)
    assert [*delivery.state] == ["", None]
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "The webhook does not accept connections (hooks.example.com)",
        "The webhook takes events again",
    ]


@pytest.mark.parametrize(("asked", "waited"), [(30.0, 30), (0.0, 1), (1e9, delivery_module.MAX_ASKED_SECONDS)])
async def test_a_receiver_may_ask_to_wait_for_at_most_an_hour(
    delivery: Delivery, queue: EventQueue, sender: FakeSender, clock: Clock, asked: float, waited: float
) -> None:
    sender.errors = [NotSentError("answers 429", seconds=asked)]
    queue.emit(made("a"))
    await delivery.deliver()
    assert await waits(delivery, sender, clock) == waited


async def test_an_event_that_is_refused_three_times_does_not_hold_up_the_others(
    delivery: Delivery, queue: EventQueue, sender: FakeSender, clock: Clock
) -> None:
    sender.errors = [NotSentError("answers 422", is_refusal=True)] * 3
    queue.emit(made("a"))
    queue.emit(made("b"))
    await delivery.deliver()
    await waits(delivery, sender, clock)
    await waits(delivery, sender, clock)
    assert len(queue) == 0
    assert queue.counts.results == {(EventKind.BLOCKED, Result.REFUSED): 1, (EventKind.BLOCKED, Result.SENT): 1}


async def test_an_outage_gives_no_event_up(
    delivery: Delivery, queue: EventQueue, sender: FakeSender, clock: Clock
) -> None:
    sender.errors = [DOWN] * 100
    queue.emit(made("a"))
    for _ in range(100):
        clock.now += MAX_WAIT_SECONDS
        await delivery.deliver()
    assert len(queue) == 1


async def test_a_round_ends_although_events_keep_coming(
    delivery: Delivery, queue: EventQueue, sender: FakeSender, clock: Clock
) -> None:
    def slow(emit: Callable[[], None]) -> None:
        original = sender.send

        async def send(event: Waiting, *, is_again: bool) -> None:
            clock.now += 10
            emit()
            await original(event, is_again=is_again)

        sender.send = send  # type: ignore[method-assign]

    numbers = iter(range(1000))
    slow(lambda: queue.emit(made(str(next(numbers)))))
    queue.emit(made("first"))
    await delivery.deliver()
    assert len(sender.tried) == delivery_module.ROUND_SECONDS / 10


async def test_the_end_waits_a_little_and_says_what_is_lost(
    delivery: Delivery,
    queue: EventQueue,
    sender: FakeSender,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(delivery_module, "LAST_SECONDS", 0.01)
    sender.waits = True
    queue.emit(made("a"))
    queue.emit(made("b"))
    await delivery.finish()
    assert "2 events were not sent" in caplog.text


async def test_the_end_sends_what_waits(delivery: Delivery, queue: EventQueue, sender: FakeSender) -> None:
    queue.emit(made("a"))
    await delivery.finish()
    assert len(sender.tried) == 1
    assert len(queue) == 0
