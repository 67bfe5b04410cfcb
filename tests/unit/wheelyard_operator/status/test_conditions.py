import pytest

from wheelyard_operator.resource import Manifest
from wheelyard_operator.status.conditions import STATES, Condition, as_api, paused_conditions, state, transitions


def test_the_transition_time_changes_only_with_the_status() -> None:
    first = as_api([Condition("Ready", "False", "A", "a")], {}, 1, "t1")
    assert first[0]["lastTransitionTime"] == "t1"
    other = as_api([Condition("Ready", "False", "B", "b")], {"conditions": first}, 2, "t2")
    assert (other[0]["lastTransitionTime"], other[0]["reason"]) == ("t1", "B")
    assert other[0]["observedGeneration"] == 2
    turned = as_api([Condition("Ready", "True", "C", "c")], {"conditions": other}, 2, "t3")
    assert turned[0]["lastTransitionTime"] == "t3"


def test_an_event_is_posted_for_each_changed_condition() -> None:
    def status(*conditions: Condition) -> dict[str, object]:
        return {"conditions": as_api(conditions, {}, 1, "t")}

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
    ("reason", "before", "is_event"),
    [
        ("AccessPending", "Unknown", False),
        ("RollingOut", "True", False),
        ("NotDeployed", "Unknown", False),
        ("Starting", "False", False),
        ("Starting", "True", True),
        ("ApplyRefused", "True", True),
        ("EndpointUnreachable", "True", True),
    ],
)
def test_states_of_every_healthy_start_post_no_warning(reason: str, before: str, *, is_event: bool) -> None:
    old = {"conditions": as_api([Condition("Available", before, "Old", "")], {}, 1, "t")}
    new = {"conditions": as_api([Condition("Available", "False", reason, "")], {}, 1, "t")}
    assert bool(transitions(old, new)) is is_event


def found(conditions: list[Manifest]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in conditions}


def test_a_paused_resource_keeps_its_conditions_and_is_not_reconciling() -> None:
    ready = as_api([Condition("Ready", "True", "A", ""), Condition("Reconciling", "True", "B", "")], {}, 1, "t")
    status = {"observedGeneration": 1, "conditions": [*ready, {"type": "Exposed", "status": "True", "reason": "R"}]}
    assert found(paused_conditions(status, 1, "t2")) == {
        "Ready": ("True", "A"),
        "Exposed": ("True", "R"),
        "Reconciling": ("False", "PausedByAnnotation"),
        "Stalled": ("False", "PausedByAnnotation"),
        "Paused": ("True", "PausedByAnnotation"),
    }


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "t"}]},
        {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "t"}]},
    ],
)
def test_an_index_paused_before_it_is_ready_needs_to_be_resumed(status: Manifest) -> None:
    conditions = paused_conditions(status, 2, "t2")
    assert found(conditions)["Ready"] == ("False", "PausedByAnnotation")
    assert found(conditions)["Stalled"] == ("True", "PausedByAnnotation")
    assert paused_conditions({"observedGeneration": 2, "conditions": conditions}, 2, "t3") == conditions, "at rest"


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
def test_conditions_are_summed_up_in_one_word(true: tuple[str, ...], word: str) -> None:
    others = [{"type": "StorageReady", "status": "False"}]
    assert state({"conditions": [*({"type": each, "status": "True"} for each in true), *others]}) == word
    assert word in STATES
