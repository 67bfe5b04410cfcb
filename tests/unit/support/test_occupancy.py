"""Tests on the cluster run side by side, or one alone (tests/support/occupancy.py)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.occupancy import Occupancy
from support.temporary import Removals


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_many_are_side_by_side(lock: Path) -> None:
    with Occupancy(lock).with_others(), Occupancy(lock).with_others():
        pass


def test_a_test_alone_waits_until_all_others_have_ended_and_their_removals_too(lock: Path) -> None:
    mine, removals, can_go, events = Occupancy(lock), Removals(Occupancy(lock)), threading.Event(), list[str]()

    def removal() -> None:
        can_go.wait()
        events.append("removed")

    def alone() -> None:
        with mine.alone():
            events.append("alone")

    with ThreadPoolExecutor() as pool:
        with Occupancy(lock).with_others():
            removals.begin(removal)
            waiting = pool.submit(alone)
            events.append("the test ends")
        can_go.set()
        waiting.result()
    assert events == ["the test ends", "removed", "alone"]
    removals.check()


def test_a_test_alone_may_remove_things(lock: Path) -> None:
    mine = Occupancy(lock)
    removals, removed = Removals(mine), list[str]()
    with mine.alone():
        removals.begin(lambda: removed.append("a namespace"))
        removals.settle()
        assert removed == ["a namespace"]


def test_others_wait_for_a_test_that_is_alone(lock: Path) -> None:
    events = list[str]()

    def with_others() -> None:
        with Occupancy(lock).with_others():
            events.append("others")

    with ThreadPoolExecutor() as pool:
        with Occupancy(lock).alone():
            waiting = pool.submit(with_others)
            events.append("alone")
        waiting.result()
    assert events == ["alone", "others"]


def test_what_could_not_be_removed_is_an_error_in_the_end_and_blocks_no_test(lock: Path) -> None:
    mine = Occupancy(lock)
    removals = Removals(mine)

    def removal() -> None:
        raise AssertionError("it is still there")

    removals.begin(removal)
    removals.settle()
    with mine.alone():
        pass
    with pytest.raises(AssertionError, match="it is still there"):
        removals.check()
