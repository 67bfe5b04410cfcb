import pytest

from wheelyard_operator.process.schedule import Schedule
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.resource import Key

A, B = Key("PackageIndex", "n", "a"), Key("IndexUser", "n", "b")


def schedule() -> Schedule:
    return Schedule(lambda: 1.0)


def test_what_was_added_twice_runs_once() -> None:
    plan = schedule()
    plan.add(A, 0)
    plan.add(A, 0)
    assert plan.take(0) == A
    assert plan.take(0) is None


def test_keys_are_taken_in_the_order_in_which_they_became_due() -> None:
    plan = schedule()
    plan.add(B, 1)
    plan.add(A, 2)
    assert [plan.take(3), plan.take(3)] == [B, A]


def test_a_key_never_runs_twice_at_a_time_and_runs_again_afterwards() -> None:
    plan = schedule()
    plan.add(A, 0)
    plan.take(0)
    plan.add(A, 1)
    assert plan.take(1) is None
    assert plan.next_due() is None
    plan.done(A, Outcome(), 2)
    assert plan.take(2) is None
    assert plan.take(2.2) == A


def test_a_settled_key_is_due_again_after_the_resync_interval() -> None:
    plan = schedule()
    plan.add(A, 0)
    plan.take(0)
    plan.done(A, Outcome(), 1)
    assert plan.next_due() == 61


def test_a_key_is_due_again_when_its_outcome_says() -> None:
    plan = schedule()
    plan.add(A, 0)
    plan.take(0)
    plan.done(A, Outcome(after=5), 1)
    assert plan.next_due() == 6


def test_an_event_comes_before_a_later_requeue_but_never_spins() -> None:
    plan = schedule()
    plan.add(A, 0)
    plan.take(0)
    plan.done(A, Outcome(), 1)
    plan.add(A, 1.05)
    assert plan.next_due() == 1.2


def test_backoff_grows_to_a_minute_and_a_success_ends_it() -> None:
    plan, now, waits = schedule(), 0.0, []
    plan.add(A, now)
    for _ in range(10):
        assert plan.take(now) == A
        plan.failed(A, now)
        due = plan.next_due()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits[:4] == [0.5, 1, 2, 4]
    assert waits[-1] == 60
    plan.take(now)
    plan.done(A, Outcome(), now)
    plan.take(now + 60)
    plan.failed(A, now + 60)
    assert plan.next_due() == now + 60.5


def test_a_deleted_resource_is_forgotten_unless_it_came_back() -> None:
    plan = schedule()
    plan.add(A, 0)
    plan.take(0)
    plan.done(A, GONE, 1)
    assert plan.next_due() is None
    assert plan.known("PackageIndex") == []
    plan.add(A, 2)
    plan.take(2)
    plan.add(A, 2)
    plan.done(A, GONE, 3)
    assert plan.take(3) == A


def test_running_and_waiting_keys_are_known() -> None:
    plan = schedule()
    plan.add(A, 0)
    plan.add(B, 0)
    plan.take(0)
    assert plan.known("PackageIndex") == [A]
    assert plan.known("IndexUser") == [B]


def test_with_very_many_keys_a_resync_takes_longer() -> None:
    keys = [Key("IndexUser", "ci", f"user{number}") for number in range(6000)]
    due = Schedule(lambda: 1.0)
    for key in keys:
        due.add(key, 0)
    first = due.take(0)
    assert first is not None
    due.done(first, Outcome(), 0)
    for _ in keys[1:]:
        due.take(0)
    assert due.next_due() == pytest.approx(300, rel=0.01)


def test_a_key_waits_out_its_rest_whatever_happens_to_it() -> None:
    plan = schedule()
    plan.add(A, 0)
    plan.take(0)
    plan.add(A, 1)
    plan.done(A, Outcome(), 40)
    plan.rest(A, 160, 40)
    plan.add(A, 50)
    assert plan.take(199) is None
    assert plan.take(201) == A


def test_a_deleted_resource_needs_no_rest() -> None:
    plan = schedule()
    plan.add(A, 0)
    plan.take(0)
    plan.done(A, GONE, 40)
    plan.rest(A, 160, 40)
    assert plan.known(A.kind) == []
