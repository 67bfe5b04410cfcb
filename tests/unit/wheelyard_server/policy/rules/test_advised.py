"""Malware and vulnerabilities: which advisories count, since when, and what the absence of a feed means."""

from datetime import timedelta

import pytest

from support.policies import (
    NOW,
    advisory,
    ago,
    basis,
    digest_of,
    feed,
    judge,
    local,
    mirror_of,
    mirrored,
    of_versions,
)
from support.policies import rules as parsed
from wheelyard_server.model import Project
from wheelyard_server.policy.advisories import NO_ADVISORIES, Advisories
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.objection import MAX_ADVISORIES
from wheelyard_server.policy.verdict import PERMITTED, Rule, Verdict
from wheelyard_server.settings.policy import Severity

FILE = mirrored("demo-1.0-py3-none-any.whl", 30)
BLOCK = "vulnerabilities: {action: Block, severity: Low}"
LOST = Advisories(are_lost=True)


def verdict(policy: str, advisories: Advisories) -> Verdict:
    return judge(policy, mirror_of(FILE), advisories).verdict(FILE)


@pytest.mark.parametrize(
    ("least", "refused"),
    [
        (Severity.LOW, {None, Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL}),
        (Severity.MEDIUM, {Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL}),
        (Severity.HIGH, {Severity.HIGH, Severity.CRITICAL}),
        (Severity.CRITICAL, {Severity.CRITICAL}),
    ],
)
def test_a_vulnerability_counts_from_its_severity_and_one_without_counts_as_low(
    least: Severity, refused: set[Severity | None]
) -> None:
    policy = f"vulnerabilities: {{action: Block, severity: {least}}}"
    found = {
        severity
        for severity in (None, *Severity)
        if not verdict(policy, feed(advisory("GHSA-1", severity=severity))).is_served
    }
    assert found == refused


def test_a_vulnerability_is_objected_to_from_the_very_moment_at_which_it_is_known_for_long_enough() -> None:
    """The verdict that permits has its end, too, so that no page outlives it."""
    known = feed(advisory("GHSA-1", published=NOW - timedelta(days=29)))
    policy = "vulnerabilities: {action: Block, known: 30d}"
    project, begin = mirror_of(FILE), NOW + timedelta(days=1)
    for moment in (NOW, begin - timedelta(microseconds=1)):
        assert judge(policy, project, known, moment).verdict(FILE) == PERMITTED._replace(until=begin)
    found = judge(policy, project, known, begin).verdict(FILE)
    assert (found.is_served, found.rule, found.until) == (False, Rule.VULNERABILITIES, None)


def test_a_file_with_several_vulnerabilities_is_refused_for_the_most_severe_and_names_all() -> None:
    low, high = (advisory(f"GHSA-{each}", severity=each) for each in (Severity.LOW, Severity.HIGH))
    found = verdict(BLOCK, feed(low, high))
    assert found.advisories == ("GHSA-High", "GHSA-Low")
    assert found.reason.startswith(
        "demo 1.0 has the high vulnerability GHSA-High, known since 2026-10-01 12:00 UTC, and 1 more."
    )


def test_a_verdict_names_a_bounded_number_of_advisories() -> None:
    many = [advisory(f"GHSA-{number:03}") for number in range(3 * MAX_ADVISORIES)]
    assert len(verdict(BLOCK, feed(*many)).advisories) == MAX_ADVISORIES


@pytest.mark.parametrize(
    ("lifted", "left"),
    [
        ("[GHSA-1]", ("GHSA-2",)),
        ("[GHSA-1, CVE-2026-2]", ()),
        ("[CVE-2026-2]", ("GHSA-1",)),
        ("[GHSA-3]", ("GHSA-1", "GHSA-2")),
        ("[]", ()),
    ],
)
def test_an_exception_lifts_the_advisories_that_it_names_by_their_ids_or_aliases(
    lifted: str, left: tuple[str, ...]
) -> None:
    known = feed(advisory("GHSA-1"), advisory("GHSA-2", aliases=("CVE-2026-2",)))
    entry = f'packages: [demo], from: [vulnerabilities], advisories: {lifted}, until: "2026-12-15", reason: SEC-1'
    found = verdict(f"{BLOCK}\nexceptions: [{{{entry}}}]", known)
    assert (found.is_served, found.advisories) == (not left, left)
    assert found.exception == ("" if left else "SEC-1")


def test_an_exception_for_an_advisory_lifts_no_rule_that_is_not_based_on_it() -> None:
    entry = 'packages: [demo], from: [cooldown, malware], advisories: [GHSA-1], until: "2026-12-15", reason: SEC-1'
    policy = f"malware: {{requireFeed: true}}\nexceptions: [{{{entry}}}]"
    young = mirrored(days=1)
    assert verdict(policy, NO_ADVISORIES).rule is Rule.MALWARE
    assert judge(policy, mirror_of(young), feed()).verdict(young).rule is Rule.COOLDOWN


@pytest.mark.parametrize(
    ("policy", "advisories", "is_served"),
    [
        ("", NO_ADVISORIES, True),
        ("malware: {requireFeed: true}", NO_ADVISORIES, False),
        ("malware: {requireFeed: true}", feed(), True),
        ("malware: {requireFeed: true, action: Report}", NO_ADVISORIES, True),
        ("malware: {requireFeed: true, action: Off}", NO_ADVISORIES, True),
        ("", LOST, False),
        ("malware: {action: Report}", LOST, True),
        ("malware: {action: Off}", LOST, True),
    ],
)
def test_without_any_feed_files_are_permitted_unless_one_is_required_or_was_lost(
    policy: str, advisories: Advisories, *, is_served: bool
) -> None:
    """U11: a lost document never permits more than before."""
    found = verdict(policy, advisories)
    assert found.is_served is is_served
    assert (found.rule is Rule.MALWARE) is not is_served
    assert found.reported == ((Rule.MALWARE,) if "Report" in policy else ())
    assert judge(policy, Project(name="demo", files=(local(),)), advisories).verdict(local()).is_served


@pytest.mark.parametrize(
    ("action", "is_served", "reported"), [("Block", False, ()), ("Report", True, (Rule.VULNERABILITIES,))]
)
def test_lost_advisories_permit_no_vulnerable_file_even_if_malware_is_not_blocked(
    action: str, reported: tuple[Rule, ...], *, is_served: bool
) -> None:
    """U11."""
    policy = f"malware: {{action: Off}}\nvulnerabilities: {{action: {action}}}"
    found = verdict(policy, LOST)
    assert (found.is_served, found.reported) == (is_served, reported)
    assert judge(policy, Project(name="demo", files=(local(),)), LOST).verdict(local()) == PERMITTED
    assert verdict(policy, NO_ADVISORIES) == PERMITTED


def test_local_files_are_malware_by_their_digests_only_and_never_vulnerable() -> None:
    """A name that is ours may be a stranger's elsewhere, where an advisory is about it."""
    known = feed(advisory("MAL-1", digests=(digest_of("b"),)), advisory("GHSA-1"))
    for digest, is_served in (("a", True), ("b", False)):
        file = local(sha256=digest_of(digest))
        project = Project(name="demo", files=(file,))
        found = Judge(project, basis(parsed(BLOCK), known, private=("demo",)), NOW).verdict(file)
        assert found.is_served is is_served


def test_malware_is_refused_by_its_digest_in_whatever_project_it_is() -> None:
    known = feed(advisory("MAL-1", **of_versions("9"), digests=(digest_of("b"),)), name="other")
    file = FILE.replace(sha256=digest_of("b"))
    found = judge("", mirror_of(FILE, file), known)
    assert [found.verdict(each).advisories for each in (FILE, file)] == [(), ("MAL-1",)]
    assert found.verdict(file).reason.startswith("demo-1.0-py3-none-any.whl is malware according to MAL-1.")


def test_malware_and_vulnerabilities_do_not_count_for_each_other() -> None:
    known = feed(advisory("MAL-1", published=ago(1)))
    assert verdict(f"malware: {{action: Off}}\n{BLOCK}", known) == PERMITTED
    assert verdict("", feed(advisory("GHSA-1"))) == PERMITTED
