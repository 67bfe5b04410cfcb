from typing import Any

import pytest

from unit.wheelyard_operator.fakes import NOW
from wheelyard_operator.policy_states import AdvisoriesState, FileState, PolicyAnswer, QuarantineState
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Policy
from wheelyard_operator.status.conditions import Condition
from wheelyard_operator.status.policy import PolicyFindings, count_in_force, next_end, policy_conditions

CURRENT = AdvisoriesState("osv", 12, False, False, "", "")
NOTHING = QuarantineState(0, ())
EXCEPTION = {"packages": ["urllib3"], "versions": "==2", "from": ["cooldown"], "until": "2027-12-15"}


def answer(revision: str = "a", error: str = "", **changes: Any) -> PolicyAnswer:
    file = FileState(revision, not error, error)
    return PolicyAnswer(**{"file": file, "advisories": CURRENT, "quarantine": NOTHING, **changes})


def conditions(*answers: PolicyAnswer | None, policy: Any = None, **changes: Any) -> dict[str, Condition]:
    named = {f"pod-{number}": each for number, each in enumerate(answers)}
    findings = PolicyFindings(Policy.parse(policy or {}), "a", **{"answers": named, **changes})
    return {each.type: each for each in policy_conditions(findings, NOW)}


@pytest.mark.parametrize(
    ("answers", "status", "reason", "words"),
    [
        ([answer(), answer()], "True", "InForce", "Every index server uses the current policy."),
        ([answer(), answer("b")], "Unknown", "Updating", "which takes seconds"),
        ([answer(), answer("b", "line 3: what?")], "False", "PolicyFileRefused", "Index server pod-1 does not use"),
        ([answer(error="line 3: what?")], "False", "PolicyFileRefused", "the previous one: line 3: what?. Is its"),
        ([answer(), None], "Unknown", "NotKnown", "port 9090"),
        ([], "Unknown", "NotKnown", "port 9090"),
    ],
)
def test_whether_the_policy_is_in_force(answers: Any, status: str, reason: str, words: str) -> None:
    found = conditions(*answers)["PolicyInForce"]
    assert (found.status, found.reason) == (status, reason)
    assert words in found.message


def test_what_the_platform_team_has_raised_is_said() -> None:
    found = conditions(answer(), raised=["the cooldown is 3d", "the action on malware is Report"])
    assert found["PolicyInForce"] == Condition(
        "PolicyInForce",
        "True",
        "MinimumRaised",
        "Raised by policy.minimum of the operator's Helm chart: the cooldown is 3d, the action on malware is"
        " Report.",
    )


@pytest.mark.parametrize(
    ("state", "policy", "status", "reason", "words"),
    [
        (CURRENT, {}, "True", "Current", "current advisories"),
        (CURRENT._replace(feed="", records=0), {}, "False", "NoFeed", "no file is refused because of malware"),
        (
            CURRENT._replace(feed="", records=0),
            {"malware": {"action": "Block", "requireFeed": True}},
            "False",
            "NoFeed",
            "so files of upstreams are refused (malware.requireFeed)",
        ),
        (CURRENT._replace(feed=""), {}, "True", "Current", "current advisories"),
        (CURRENT._replace(records=0), {}, "False", "NothingYet", "have come from the feed yet"),
        (CURRENT._replace(records=0, failure="503."), {}, "False", "NothingYet", "feed yet: 503. There are"),
        (CURRENT._replace(is_late=True, failure="503."), {}, "False", "Late", "new for hours: 503. Known"),
        (CURRENT._replace(is_lost=True), {}, "False", "Lost", "cannot read the advisories in the storage"),
        (CURRENT._replace(is_late=True), {}, "False", "Late", "brought nothing new for hours. Known"),
        (
            CURRENT._replace(waiting="lost 12 %."),
            {},
            "False",
            "WaitsForPerson",
            "not used: lost 12 %. Known",
        ),
    ],
)
def test_advisories(state: AdvisoriesState, policy: Any, status: str, reason: str, words: str) -> None:
    found = conditions(answer(), answer(advisories=state), policy=policy)["AdvisoriesCurrent"]
    assert (found.status, found.reason) == (status, reason)
    assert words in found.message


def test_a_feed_that_is_not_allowed_is_said_whatever_servers_say() -> None:
    refusal = Problem("AdvisoriesCurrent", "HostNotAllowed", "have this added")
    found = conditions(answer(), feed_refusal=refusal)["AdvisoriesCurrent"]
    assert found == Condition("AdvisoriesCurrent", "False", "HostNotAllowed", "have this added")


def test_advisories_that_no_rule_reads_have_no_condition() -> None:
    off = {"malware": {"action": "Off"}}
    assert "AdvisoriesCurrent" not in conditions(answer(), policy=off)
    reads = {**off, "vulnerabilities": {"action": "Report"}}
    assert conditions(answer(), policy=reads)["AdvisoriesCurrent"].status == "True"
    assert conditions(answer(advisories=None))["AdvisoriesCurrent"].status == "Unknown"


@pytest.mark.parametrize(
    ("changes", "status", "reason", "words"),
    [
        ({"exceptions": [EXCEPTION]}, "True", "Current", "No exception ends within 7 days."),
        (
            {"exceptions": [{**EXCEPTION, "until": "2026-11-29", "source": "ci/a"}, EXCEPTION]},
            "True",
            "EndingSoon",
            "Ending within 7 days: urllib3==2 from cooldown of PackageException ci/a (until 2026-11-29).",
        ),
        ({"exceptions": [{**EXCEPTION, "until": "2026-11-30"}]}, "True", "Current", ""),
        (
            {"exceptions": [{**EXCEPTION, "until": "2026-11-22"}, {**EXCEPTION, "until": NOW}, EXCEPTION]},
            "False",
            "Ended",
            "Ended, with no effect: urllib3==2 from cooldown (until 2026-11-22); urllib3==2 from cooldown (",
        ),
        ({"cut": ["The exception for a ends at b"]}, "False", "BeyondMinimum", "ends at b, as policy.minimum of"),
        ({"left_out": ["ci"]}, "False", "NoRoom", "The newest PackageExceptions of namespace ci have no room."),
    ],
)
def test_exceptions(changes: Any, status: str, reason: str, words: str) -> None:
    found = conditions(answer(), **changes)["ExceptionsCurrent"]
    assert (found.status, found.reason) == (status, reason)
    assert words in found.message


def test_without_exceptions_there_is_no_condition_about_them() -> None:
    assert "ExceptionsCurrent" not in conditions(answer())


def test_at_most_five_exceptions_are_named() -> None:
    ended = [{**EXCEPTION, "until": f"2026-11-0{day}"} for day in range(1, 8)]
    message = conditions(answer(), exceptions=ended)["ExceptionsCurrent"].message
    assert message.count("urllib3") == 5
    assert "and 2 more." in message


def test_a_quarantine_by_hand_is_said_until_it_is_lifted() -> None:
    by_hand = answer(quarantine=QuarantineState(3, ("a==1 (bad)", "b (worse)")))
    found = conditions(answer(), by_hand)["Quarantined"]
    assert (found.status, found.reason) == ("True", "ByHand")
    assert found.message.startswith("Quarantined by hand: a==1 (bad); b (worse) and 1 more. Lift it with")
    assert "Quarantined" not in conditions(answer())


def test_the_next_end_and_the_number_of_exceptions() -> None:
    ended, soon = {**EXCEPTION, "until": "2026-11-22"}, {**EXCEPTION, "until": "2026-11-25"}
    assert next_end([EXCEPTION, ended, soon], NOW) == "2026-11-26T00:00:00Z"
    assert next_end([ended], NOW) == ""
    assert count_in_force([EXCEPTION, ended, soon], NOW) == 2
