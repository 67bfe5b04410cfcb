"""The truth table of the platform team's minimum, written by hand."""

from typing import Any

import pytest

from wheelyard_operator.desired.policy_floor import allowed_exception, floored_rules
from wheelyard_operator.policy_minimum import PolicyMinimum
from wheelyard_operator.resource import Policy

DAY = 86_400
SEEN = "2026-11-23T12:00:00Z"
EXCEPTION = {"packages": ["urllib3"], "versions": "==2", "from": ["cooldown", "malware"], "until": "2026-12-15"}


@pytest.mark.parametrize(
    ("cooldown", "days", "expected"),
    [
        (None, 0, None),
        (None, 7, None),
        (None, 8, {"action": "Block", "age": "8d"}),
        ({"action": "Block", "age": "3d"}, 3, None),
        ({"action": "Block", "age": "71h"}, 3, {"action": "Block", "age": "3d"}),
        ({"action": "Block", "age": "0s", "fixes": "4h"}, 3, {"action": "Block", "age": "3d", "fixes": "4h"}),
        ({"action": "Report", "age": "30d"}, 3, {"action": "Block", "age": "3d"}),
        ({"action": "Off", "age": "30d"}, 3, {"action": "Block", "age": "3d"}),
        ({"action": "Off", "age": "30d"}, 0, None),
        ({}, 3, None),
    ],
)
def test_the_cooldown_is_at_least_the_minimum(cooldown: Any, days: int, expected: Any) -> None:
    policy = Policy.parse({"cooldown": cooldown} if cooldown is not None else {})
    rules, raised = floored_rules(policy, PolicyMinimum(cooldown_seconds=days * DAY), lacks_feed=False)
    assert rules.get("cooldown") == (expected or cooldown)
    assert list(raised) == ([f"the cooldown is {days}d with action Block"] if expected else [])


@pytest.mark.parametrize(
    ("malware", "minimum", "expected"),
    [
        (None, "Block", {"requireFeed": True}),
        ({"action": "Off"}, "Block", {"action": "Block", "requireFeed": True}),
        ({"action": "Block", "requireFeed": False}, "Block", {"action": "Block", "requireFeed": True}),
        ({"action": "Block", "requireFeed": True}, "Block", None),
        ({"action": "Off"}, "Report", {"action": "Report"}),
        ({"action": "Block"}, "Report", None),
    ],
)
def test_without_a_feed_the_minimum_needs_advisories(malware: Any, minimum: str, expected: Any) -> None:
    """A tenant who takes the feed away must not get files in that the feed would name."""
    policy = Policy.parse({"malware": malware} if malware else {})
    rules, raised = floored_rules(policy, PolicyMinimum(malware=minimum), lacks_feed=True)
    assert rules.get("malware") == (expected or malware)
    assert bool(raised) == bool(expected)


@pytest.mark.parametrize(
    ("action", "minimum", "expected"),
    [
        (None, "Off", None),
        (None, "Block", None),
        ("Off", "Off", "Off"),
        ("Off", "Report", "Report"),
        ("Off", "Block", "Block"),
        ("Report", "Off", "Report"),
        ("Report", "Report", "Report"),
        ("Report", "Block", "Block"),
        ("Block", "Off", "Block"),
        ("Block", "Report", "Block"),
        ("Block", "Block", "Block"),
    ],
)
def test_the_action_on_malware_is_at_least_the_minimum(action: Any, minimum: str, expected: Any) -> None:
    policy = Policy.parse({"malware": {"action": action, "requireFeed": True}} if action else {})
    rules, raised = floored_rules(policy, PolicyMinimum(malware=minimum), lacks_feed=False)
    assert rules.get("malware") == ({"action": expected, "requireFeed": True} if expected else None)
    assert list(raised) == ([f"the action on malware is {minimum}"] if action != expected else [])


def test_all_other_rules_stay_as_they_are() -> None:
    body = {"deny": [{"packages": ["a"]}], "formats": {"action": "Off"}, "exceptions": [EXCEPTION]}
    rules, _ = floored_rules(Policy.parse(body), PolicyMinimum(30 * DAY, "Block"), lacks_feed=False)
    assert rules == {
        "deny": body["deny"],
        "formats": body["formats"],
        "cooldown": {"action": "Block", "age": "30d"},
    }


def test_an_age_of_hours_is_written_in_seconds() -> None:
    rules, _ = floored_rules(
        Policy.parse({"cooldown": {"age": "1h"}}), PolicyMinimum(cooldown_seconds=5400), lacks_feed=False
    )
    assert rules["cooldown"]["age"] == "5400s"


@pytest.mark.parametrize(
    ("minimum", "rules", "until", "notes"),
    [
        (PolicyMinimum(), ["cooldown", "malware"], "2026-12-15", []),
        (PolicyMinimum(never=frozenset({"malware"})), ["cooldown"], "2026-12-15", ["does not lift malware"]),
        (PolicyMinimum(never=frozenset({"malware", "cooldown"})), None, "", ["does not lift cooldown and malware"]),
        (
            PolicyMinimum(max_exception_seconds=DAY),
            ["cooldown", "malware"],
            "2026-11-24T12:00:00Z",
            ["ends at 2026-11-24T12:00:00Z, not at 2026-12-15"],
        ),
        (PolicyMinimum(max_exception_seconds=23 * DAY), ["cooldown", "malware"], "2026-12-15", []),
    ],
)
def test_an_exception_is_limited(minimum: PolicyMinimum, rules: Any, until: str, notes: list[str]) -> None:
    allowed, found = allowed_exception(EXCEPTION, minimum, SEEN)
    assert allowed == (None if rules is None else {**EXCEPTION, "from": rules, "until": until})
    assert [note.removeprefix("The exception for urllib3==2 ") for note in found] == notes


def test_an_exception_whose_last_day_ends_within_the_maximum_is_not_cut() -> None:
    """The day ends 22.5 days after the exception was first seen."""
    exact = PolicyMinimum(max_exception_seconds=22 * DAY + DAY // 2)
    assert allowed_exception(EXCEPTION, exact, SEEN) == (EXCEPTION, [])
    allowed, notes = allowed_exception(EXCEPTION, PolicyMinimum(max_exception_seconds=22 * DAY), SEEN)
    assert (allowed or {})["until"] == "2026-12-15T12:00:00Z"
    assert len(notes) == 1
