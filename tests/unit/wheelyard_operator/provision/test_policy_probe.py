from typing import Any

import pytest

from wheelyard_operator.policy_states import AdvisoriesState, PolicyAnswer, PolicyFileState, QuarantineState
from wheelyard_operator.provision.policy_probe import parse_policy

FILE = {"revision": "ab" * 32, "usable": True, "error": ""}
ADVISORIES = {"feed": "osv", "records": 12, "late": False, "waiting": ""}
QUARANTINE = {"entries": 7, "first": [{"what": "requests==2.99", "reason": "bad\x1b[31m", "by": "ops.ann"}] * 7}


def test_an_answer_is_read() -> None:
    found = parse_policy({"file": {**FILE, "loaded": 1}, "advisories": ADVISORIES, "quarantine": QUARANTINE})
    assert found == PolicyAnswer(
        PolicyFileState("ab" * 32, True, ""),
        AdvisoriesState("osv", 12, False, ""),
        QuarantineState(7, ("requests==2.99 (bad [31m)",) * 5),
    )


def test_a_server_may_say_less() -> None:
    assert parse_policy({"file": None}) == PolicyAnswer(PolicyFileState("", True, ""), None, QuarantineState(0, ()))


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
        {"file": FILE, "quarantine": {"entries": 10**12, "first": []}},
        {"file": FILE, "quarantine": {"entries": 1, "first": [{"what": "a"}]}},
        {"file": FILE, "quarantine": []},
    ],
)
def test_anything_else_is_no_answer(body: Any) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        parse_policy(body)
