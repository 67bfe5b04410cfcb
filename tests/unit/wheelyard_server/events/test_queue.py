"""The queue of events is bounded, without repeats, and gives them back in their order."""

import pytest

from support.made_events import made
from wheelyard_server.events import queue as queue_module
from wheelyard_server.events.queue import EventQueue, Result
from wheelyard_server.settings.webhook import EventKind


@pytest.fixture
def queue() -> EventQueue:
    return EventQueue("/wheelyard/a/b", tuple(EventKind))


def drained(queue: EventQueue) -> list[str]:
    found = []
    while (first := queue.first()) is not None:
        found.append(first.id)
        queue.done(first, Result.SENT)
    return found


def test_events_come_out_in_their_order_across_kinds(queue: EventQueue) -> None:
    kinds = [EventKind.PUBLISHED, EventKind.BLOCKED, EventKind.PUBLISHED]
    for number, kind in enumerate(kinds):
        queue.emit(made(str(number), kind))
    seen = []
    while (first := queue.first()) is not None:
        seen.append(first.kind)
        queue.done(first, Result.SENT)
    assert seen == kinds
    assert queue.counts.results == {(EventKind.PUBLISHED, Result.SENT): 2, (EventKind.BLOCKED, Result.SENT): 1}


def test_a_repeat_is_left_out_even_after_the_first_was_sent(queue: EventQueue) -> None:
    queue.emit(made("a"))
    assert len(drained(queue)) == 1
    queue.emit(made("a"))
    assert len(queue) == 0


def test_kinds_that_are_not_wanted_are_left_out() -> None:
    queue = EventQueue("/wheelyard/a/b", (EventKind.PUBLISHED,))
    queue.emit(made("a", EventKind.BLOCKED))
    queue.emit(made("a", EventKind.PUBLISHED))
    assert len(queue) == 1


def test_too_many_events_drop_the_oldest_of_their_kind_and_are_counted(
    queue: EventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "MAX_WAITING", 3)
    queue.emit(made("rare", EventKind.DIGEST_CHANGED))
    for number in range(10):
        queue.emit(made(str(number)))
    assert len(queue) == 4
    first = queue.first()
    assert first is not None
    assert first.kind is EventKind.DIGEST_CHANGED
    assert queue.counts.results == {(EventKind.BLOCKED, Result.DROPPED): 7}


def test_an_event_that_was_dropped_while_it_was_sent_takes_no_other_with_it(
    queue: EventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_module, "MAX_WAITING", 1)
    queue.emit(made("a"))
    sending = queue.first()
    assert sending is not None
    queue.emit(made("b"))
    queue.done(sending, Result.SENT)
    assert len(queue) == 1


def test_the_memory_of_repeats_is_bounded(queue: EventQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "MAX_KNOWN", 2)
    for subject in "abca":
        queue.emit(made(subject))
    assert len(queue) == 4
