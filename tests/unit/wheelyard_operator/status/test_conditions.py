from __future__ import annotations

import pytest

from wheelyard_operator.status.conditions import STATES, Condition, state, transitions, written


def test_time_changes_only_with_the_status() -> None:
    first = written([Condition("Ready", "False", "A", "a")], {}, 1, "t1")
    assert first[0]["lastTransitionTime"] == "t1"
    other = written([Condition("Ready", "False", "B", "b")], {"conditions": first}, 2, "t2")
    assert (other[0]["lastTransitionTime"], other[0]["reason"]) == ("t1", "B")
    assert other[0]["observedGeneration"] == 2
    turned = written([Condition("Ready", "True", "C", "c")], {"conditions": other}, 2, "t3")
    assert turned[0]["lastTransitionTime"] == "t3"


def test_events_are_for_what_turned() -> None:
    def status(*conditions: Condition) -> dict[str, object]:
        return {"conditions": written(conditions, {}, 1, "t")}

    old = status(Condition("Ready", "False", "A", "a"), Condition("Available", "True", "X", "x"))
    new = status(
        Condition("Ready", "False", "B", "b"),
        Condition("Available", "True", "X", "other words"),
        Condition("StorageReady", "Unknown", "NotChecked", ""),
        Condition("Stalled", "True", "B", "b"),
    )
    assert [each.type for each in transitions(old, new)] == ["Ready"]
    assert transitions(new, new) == []


@pytest.mark.parametrize(
    ("true", "word"),
    [
        ((), "working"),
        (("Reconciling",), "working"),
        (("Ready",), "ready"),
        (("Available", "Stalled"), "stalled"),
        (("Paused", "Ready"), "paused"),
    ],
)
def test_a_state_in_a_word(true: tuple[str, ...], word: str) -> None:
    others = [{"type": "StorageReady", "status": "False"}]
    assert state({"conditions": [*({"type": each, "status": "True"} for each in true), *others]}) == word
    assert word in STATES
