from typing import Any

import pytest

from wheelyard_operator.policy_states import (
    AdvisoriesState,
    EventsAnswer,
    FileState,
    PolicyAnswer,
    QuarantineState,
)
from wheelyard_operator.provision.policy_probe import parse_events, parse_policy

FILE = {"revision": "ab" * 32, "usable": True, "error": ""}
ADVISORIES = {"feed": "osv", "records": 12, "late": False, "lost": False, "waiting": "", "failure": ""}
ENTRY = {"reason": "bad\x1b[31m", "by": "ops.ann", "at": "2026-11-30T02:00:00Z"}
QUARANTINE = {
    "entries": [
        {"project": "requests", "version": "2.99", **ENTRY},
        {"project": "demo", **ENTRY},
        {"sha256": "ab", **ENTRY},
        *[{"project": "more", **ENTRY}] * 4,
    ]
}


def test_an_answer_is_read() -> None:
    found = parse_policy({"file": {**FILE, "loaded": 1}, "advisories": ADVISORIES, "quarantine": QUARANTINE})
    assert found == PolicyAnswer(
        FileState("ab" * 32, True, ""),
        AdvisoriesState("osv", 12, False, False, "", ""),
        QuarantineState(
            7,
            (
                "requests==2.99 (bad [31m)",
                "demo (bad [31m)",
                "sha256 ab (bad [31m)",
                "more (bad [31m)",
                "more (bad [31m)",
            ),
        ),
    )


def test_a_server_may_say_less() -> None:
    assert parse_policy({"file": None}) == PolicyAnswer(FileState("", True, ""), None, QuarantineState(0, ()))


def test_texts_are_bounded() -> None:
    found = parse_policy({"file": {**FILE, "usable": False, "error": "e" * 1000}})
    assert found.file.error == "e" * 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"file": {}},
        {"file": {**FILE, "usable": 1}},
        {"file": {**FILE, "revision": 5}},
        {"file": FILE, "advisories": {}},
        {"file": FILE, "advisories": {**ADVISORIES, "records": True}},
        {"file": FILE, "advisories": {**ADVISORIES, "records": -1}},
        {"file": FILE, "advisories": {**ADVISORIES, "late": "no"}},
        {"file": FILE, "quarantine": {"entries": 10**12}},
        {"file": FILE, "quarantine": {"entries": [{"project": "a"}]}},
        {"file": FILE, "quarantine": {"entries": [{"reason": "a"}]}},
        {"file": FILE, "quarantine": []},
    ],
)
def test_anything_else_is_no_answer(body: Any) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        parse_policy(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"waiting": 3, "failing": "The webhook\x1b answers 503", "since": 17.5},
            ("The webhook  answers 503", 17.5),
        ),
        ({"waiting": 0, "failing": "", "since": None}, ("", 0.0)),
    ],
)
def test_what_a_server_says_about_its_events(body: Any, expected: tuple[str, float]) -> None:
    assert parse_events(body) == EventsAnswer(*expected)


@pytest.mark.parametrize("changes", [{"since": -1}, {"since": 1e300}, {"since": "now"}, {"failing": None}])
def test_anything_else_about_events_is_no_answer(changes: Any) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        parse_events({"failing": "", "since": None, **changes})
