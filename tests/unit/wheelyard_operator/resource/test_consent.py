"""Which PackageExceptions an index accepts: a truth table, and the message of each refusal."""

from typing import Any

import pytest

from unit.wheelyard_operator.fakes import NOW, an_exception, an_index
from wheelyard_operator.policy_minimum import PolicyMinimum
from wheelyard_operator.resource import PackageIndex
from wheelyard_operator.resource.consent import Judgment, judge

CONSENT = {"namespaces": ["ci", "web"], "packages": ["urllib3", "torch*"], "rules": ["cooldown", "deny"]}
MALWARE = {"namespaces": ["ci"], "packages": ["*"], "rules": ["malware"], "maximum": "7d"}
OPEN = PolicyMinimum()
ENDS = "2026-12-16T00:00:00Z"
"""The end of the day that the exception names."""


def consenting(*consents: Any) -> PackageIndex:
    return an_index(spec={"policy": {"exceptionsFrom": list(consents)}})


def judged(index: PackageIndex, minimum: PolicyMinimum = OPEN, now: str = NOW, **changes: Any) -> Judgment:
    return judge(index, an_exception(**changes), minimum, now)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"namespace": "web"}, ""),
        ({"namespace": "other"}, "NotConsented"),
        ({"namespace": "packages"}, "NotConsented"),
        ({"packages": ["torchvision"]}, ""),
        ({"packages": ["urllib3", "torch"]}, ""),
        ({"packages": ["urllib3", "requests"]}, "RuleNotAllowed"),
        ({"rules": ["cooldown", "deny"]}, ""),
        ({"rules": ["malware"]}, "TooLong"),
        ({"rules": ["malware"], "until": "2026-11-29"}, ""),
        ({"rules": ["malware"], "namespace": "web"}, "RuleNotAllowed"),
        ({"rules": ["cooldown", "malware"], "until": "2026-11-29"}, "RuleNotAllowed"),
        ({"rules": ["vulnerabilities"]}, "RuleNotAllowed"),
        ({"until": "2026-12-22"}, ""),
        ({"until": "2026-12-23"}, "TooLong"),
        ({"until": "2026-12-23T12:00:00Z"}, ""),
        ({"until": "2026-12-23T12:00:01Z"}, "TooLong"),
        ({"until": "2026-11-22"}, "Ended"),
        ({"until": "2026-11-23"}, ""),
        ({"until": NOW}, "Ended"),
        ({"until": "2026-11-22", "namespace": "other"}, "Ended"),
    ],
)
def test_an_exception_needs_one_consent_that_covers_all_of_it(changes: dict[str, Any], reason: str) -> None:
    refusal = judged(consenting(CONSENT, MALWARE), **changes).refusal
    assert (refusal.reason if refusal else "") == reason


@pytest.mark.parametrize("index", [an_index(), an_index(spec={"policy": {}}), consenting()])
def test_without_consent_there_is_no_exception(index: PackageIndex) -> None:
    refusal = judged(index, namespace="packages").refusal
    assert refusal is not None
    assert refusal.reason == "NotConsented"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"namespace": "other"}, "does not let namespace other except any package: its owner can allow that in"),
        ({"packages": ["urllib3", "a"]}, "does not let namespace ci except all of urllib3, a: its owner can"),
        ({"rules": ["formats"]}, "from cooldown, deny alone: change spec.from, or have rules added"),
        ({"until": "2027-01-01"}, "lets this exception hold until 2026-12-23T12:00:00Z at most: set spec.until"),
        ({"until": "2026-11-22"}, "It ended at 2026-11-23T00:00:00Z, and has no effect since then: delete it."),
    ],
)
def test_a_refusal_says_what_to_do(changes: dict[str, Any], words: str) -> None:
    refusal = judged(consenting(CONSENT), **changes).refusal
    assert refusal is not None
    assert words in refusal.message


def test_it_ends_with_its_last_day() -> None:
    index = consenting(CONSENT)
    assert judged(index) == Judgment(ENDS)
    assert judged(index, now="2026-12-15T23:59:59Z").refusal is None
    assert judged(index, now=ENDS).refusal is not None


def test_the_platform_team_ends_it_earlier() -> None:
    cut = PolicyMinimum(max_exception_seconds=86_400)
    assert judged(consenting(CONSENT), cut) == Judgment("2026-11-24T12:00:00Z")
    assert judged(consenting(CONSENT), cut, until="2026-11-23T13:00:00Z").ends == "2026-11-23T13:00:00Z"


def test_no_consent_lifts_a_rule_that_the_platform_team_keeps() -> None:
    never = PolicyMinimum(never=frozenset({"malware"}))
    refusal = judged(consenting(MALWARE), never, rules=["malware"], until="2026-11-24").refusal
    assert refusal is not None
    assert refusal.reason == "RuleNotAllowed"
    assert "No exception may lift malware in this cluster" in refusal.message


def test_a_name_is_compared_with_all_of_a_glob() -> None:
    index = consenting({**CONSENT, "packages": ["torch"]})
    for name in ("torchvision", "pytorch", "torch-x"):
        assert judged(index, packages=[name]).refusal is not None
