"""What holds for all policies, files and times together: the laws of `Judge`, as properties."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import assume
from hypothesis import strategies as st

from support.policies import (
    MADE,
    NOW,
    advisory,
    basis,
    digest_of,
    feed,
    local,
    mirror_of,
    mirrored,
    of_versions,
    until,
)
from support.properties import given
from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import NO_LICENSE, NO_PUBLISHER, MirroredFile
from wheelyard_server.policy.case import AnyFile
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.objection import fold
from wheelyard_server.policy.quarantine import Quarantine, Quarantined
from wheelyard_server.policy.verdict import Rule, Verdict
from wheelyard_server.settings.policy import (
    Action,
    Allowed,
    Cooldown,
    Denied,
    ExceptableRule,
    FirstSight,
    Format,
    Formats,
    Licenses,
    Malware,
    PolicyException,
    PolicyRules,
    Provenance,
    Releases,
    Severity,
    UnknownLicense,
    Until,
    Vulnerabilities,
)

VERSIONS = ("1.0", "1.1", "2.0", "2.0rc1", "3.0+cu1", "")
ADVISORIES = feed(
    advisory("MAL-1", **of_versions("2.0"), digests=(digest_of("b"),)),
    advisory("GHSA-1", **until("1.1"), severity=Severity.HIGH, published=NOW - timedelta(hours=30)),
    advisory("PYSEC-1", **until("2.0rc1"), severity=None, aliases=("CVE-1",)),
)
QUARANTINE = Quarantine(entries=(Quarantined(reason="alert", by="ann", at=NOW, sha256=digest_of("c")),))

hours = st.integers(-72, 72).map(lambda count: NOW + timedelta(hours=count))
actions = st.sampled_from(Action)
globs = st.lists(st.sampled_from(["demo", "d*", "*", "other"]), min_size=1, max_size=2).map(tuple)
specifiers = st.sampled_from(["", "<2", ">=2", "==1.*", "!=1.0", "===1.1"])
durations = st.sampled_from(["0s", "12h", "30h", "3d", "7d"])
digests = st.lists(st.sampled_from([digest_of(each) for each in "abc"]), max_size=2).map(tuple)
licenses = st.lists(st.sampled_from(["MIT", "GPL-*", "*", "apache-2.0"]), max_size=2).map(tuple)
exceptions = st.builds(
    PolicyException,
    packages=globs,
    versions=specifiers,
    rules=st.lists(st.sampled_from(ExceptableRule), min_size=1, max_size=3).map(tuple),
    until=hours.map(lambda moment: Until.fromisoformat(moment.isoformat())),
    reason=st.sampled_from(["SEC-1", "SEC-2"]),
    advisories=st.sampled_from([(), ("MAL-1",), ("GHSA-1", "CVE-1")]),
)
policies = st.builds(
    PolicyRules,
    cooldown=st.builds(
        Cooldown,
        action=actions,
        age=durations,
        fixes=st.none() | durations,
        first_sight=st.sampled_from([{}, {"up": FirstSight.SETTLED}]),
    ),
    deny=st.lists(
        st.builds(Denied, packages=globs, versions=specifiers, sha256=digests, action=actions), max_size=2
    ).map(tuple),
    allow=st.none()
    | st.builds(
        Allowed,
        action=actions,
        releases=st.lists(st.builds(Releases, packages=globs, versions=specifiers), max_size=2).map(tuple),
    ),
    malware=st.builds(Malware, action=actions, require_feed=st.booleans()),
    vulnerabilities=st.builds(Vulnerabilities, action=actions, severity=st.sampled_from(Severity), known=durations),
    licenses=st.builds(
        Licenses, action=actions, allow=licenses, deny=licenses, unknown=st.sampled_from(UnknownLicense)
    ),
    formats=st.builds(Formats, action=actions, allow=st.lists(st.sampled_from(Format), max_size=2).map(tuple)),
    provenance=st.builds(Provenance, action=actions, packages=globs),
    exceptions=st.lists(exceptions, max_size=2).map(tuple),
)
publishers = st.sampled_from(["", NO_PUBLISHER, "git/acme", "git/evil"])
names = st.tuples(st.sampled_from(VERSIONS), st.sampled_from(["-py3-none-any.whl", ".tar.gz", ".exe"]))
files = st.builds(
    lambda name, **fields: MirroredFile(
        filename=f"demo-{name[0] or 'x'}{name[1]}", version=name[0], path="/", **fields
    ),
    names,
    upload_time=st.none() | hours,
    first_seen=st.none() | hours | st.just(MADE),
    sha256=st.sampled_from([digest_of(each) for each in "abc"]),
    license=st.sampled_from(["", NO_LICENSE, "MIT", "GPL-2.0-only", "MIT AND Apache-2.0", "odd"]),
    publisher=publishers,
    provenance_url=st.sampled_from(["", "https://upstream.example.com/p"]),
    gone=st.none() | hours,
)


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """Return a project of an upstream with files of different names, or one that is local."""
    found = draw(st.lists(files, min_size=1, max_size=4, unique_by=lambda file: file.filename))
    if draw(st.integers(0, 4)):
        return mirror_of(*found)
    own = [local("demo-1.0-py3-none-any.whl", sha256=each.sha256, license=each.license) for each in found]
    return Project(name="demo", files=tuple(own[:1]))


def files_of(project: Project) -> tuple[AnyFile, ...]:
    return project.files if project.mirror is None else tuple(project.mirror.files)


def judge(project: Project, rules: PolicyRules, now: datetime = NOW) -> Judge:
    return Judge(project, basis(rules, ADVISORIES, QUARANTINE), now)


def changed(part: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(part, **fields)


def with_actions(rules: PolicyRules, change: Callable[[Action], Action]) -> PolicyRules:
    """Return the rules with another action in each."""
    names = [name for name in rules.__struct_fields__ if hasattr(getattr(rules, name), "action")]
    parts = {name: changed(getattr(rules, name), action=change(getattr(rules, name).action)) for name in names}
    deny = tuple(changed(each, action=change(each.action)) for each in rules.deny)
    found: PolicyRules = changed(rules, **parts, deny=deny)
    return found


@given(projects(), policies)
def test_a_verdict_is_the_fold_of_all_objections(project: Project, rules: PolicyRules) -> None:
    found = judge(project, rules)
    for file in files_of(project):
        verdict = found.verdict(file)
        assert verdict._replace(lacks_facts=False) == fold(found.objections(file), NOW)
        assert verdict.is_served or not verdict.is_listed
        assert bool(verdict.reason) is (verdict.rule is not None) is not (verdict.is_listed and verdict.is_served)
        assert len(verdict.reason) <= 300
        assert verdict.reason.isascii()
        assert verdict.reason.isprintable()


@st.composite
def projects_with_many_alike(draw: st.DrawFn) -> Project:
    """Return a project of an upstream with files that differ in little, as wheels of one version do."""
    found: list[MirroredFile] = []
    for like in draw(st.lists(files, min_size=1, max_size=2)):
        for _ in range(draw(st.integers(1, 4))):
            name, ending = like.filename.split("-")[1][:2], like.filename[-4:]
            fields: dict[str, Any] = draw(
                st.sampled_from([{}, {"upload_time": draw(hours)}, {"conflict": digest_of("d")}])
            )
            found.append(like.replace(filename=f"demo-{name}-{len(found)}{ending}", **fields))
    return mirror_of(*found)


@given(projects() | projects_with_many_alike(), policies, hours)
def test_pages_decide_as_the_files_themselves_are_decided_about(
    project: Project, rules: PolicyRules, now: datetime
) -> None:
    """Pages decide about groups of files: their verdicts lack nothing but sentences, and the end is exact."""
    found = list(judge(project, rules, now).verdicts())
    wanted = [(file, judge(project, rules, now).verdict(file)) for file in files_of(project)]
    assert [(file, each._replace(reason="", until=None)) for file, each in found] == [
        (file, each._replace(reason="", until=None)) for file, each in wanted
    ]
    for (_, each), (_, verdict) in zip(found, wanted, strict=True):
        assert each.reason in {"", verdict.reason}
        assert verdict.until is None or (each.until is not None and each.until <= verdict.until)
    assert _first_end(found) == _first_end(wanted)


def _first_end(verdicts: list[tuple[AnyFile, Verdict]]) -> datetime | None:
    return min((verdict.until for _, verdict in verdicts if verdict.until is not None), default=None)


@given(projects(), policies, st.integers(1, 24 * 11).map(lambda count: NOW + timedelta(hours=count)))
def test_the_end_of_a_verdict_is_exact(project: Project, rules: PolicyRules, later: datetime) -> None:
    """Nothing changes before it, and something at it: also for a judge who is asked only then."""
    for file in files_of(project):
        verdict = judge(project, rules).verdict(file)
        if verdict.until is None or later < verdict.until:
            assert judge(project, rules, later).verdict(file) == verdict
        if verdict.until is not None:
            assert verdict.until > NOW
            just_before, at_end = verdict.until - timedelta(microseconds=1), verdict.until
            assert judge(project, rules, just_before).verdict(file) == verdict
            at_its_end = judge(project, rules, at_end).verdict(file)
            assert at_its_end._replace(until=None) != verdict._replace(until=None)


@given(projects(), policies, exceptions)
def test_deny_wins(project: Project, rules: PolicyRules, exception: PolicyException) -> None:
    """T26: whatever permits a file, a denial of it is stronger, except for an exception from that very rule."""
    assume(ExceptableRule.DENY not in exception.rules)
    denied = changed(rules, deny=(*rules.deny, Denied(packages=("d*",))), exceptions=(exception,))
    found = judge(project, denied)
    assert not any(found.verdict(file).is_served for file in files_of(project))
    assert not found.verdict_on_name().is_served


@given(projects(), policies)
def test_a_policy_that_only_reports_serves_everything_and_names_the_same_rules(
    project: Project, rules: PolicyRules
) -> None:
    """The dry run in production shows what Block would do."""
    blocks = judge(
        project, with_actions(rules, lambda action: Action.OFF if action is Action.OFF else Action.BLOCK)
    )
    reports = judge(
        project, with_actions(rules, lambda action: Action.OFF if action is Action.OFF else Action.REPORT)
    )
    for file in files_of(project):
        blocked, reported = blocks.verdict(file), reports.verdict(file)
        assert [each.rule for each in blocks.objections(file)] == [each.rule for each in reports.objections(file)]
        if blocked.rule is Rule.QUARANTINE:
            assert reported == blocked
            continue
        assert reported.is_served
        if not blocked.is_served:
            assert blocked.rule == reported.reported[0]


def _tighter_action(action: Action) -> Action:
    return Action.BLOCK if action is not Action.OFF else Action.REPORT


def _without_last(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return values[:-1]


TIGHTENINGS: dict[str, Callable[[PolicyRules], PolicyRules]] = {
    "actions": lambda rules: with_actions(rules, _tighter_action),
    "longer cooldown": lambda rules: changed(rules, cooldown=changed(rules.cooldown, age="7d")),
    "fixes wait": lambda rules: changed(rules, cooldown=changed(rules.cooldown, fixes=None)),
    "fixes wait longer": lambda rules: changed(
        rules, cooldown=changed(rules.cooldown, fixes=rules.cooldown.fixes and "7d")
    ),
    "first sights wait": lambda rules: changed(rules, cooldown=changed(rules.cooldown, first_sight={})),
    "one more denial": lambda rules: changed(rules, deny=(*rules.deny, Denied(packages=("d*",), versions="<2"))),
    "a digest more": lambda rules: changed(rules, deny=(*rules.deny, Denied(sha256=(digest_of("a"),)))),
    "a list of the allowed": lambda rules: changed(rules, allow=rules.allow or Allowed(releases=())),
    "a shorter list": lambda rules: changed(
        rules, allow=rules.allow and changed(rules.allow, releases=_without_last(rules.allow.releases))
    ),
    "a feed is required": lambda rules: changed(rules, malware=changed(rules.malware, require_feed=True)),
    "lower severities": lambda rules: changed(
        rules, vulnerabilities=changed(rules.vulnerabilities, severity=Severity.LOW)
    ),
    "vulnerabilities at once": lambda rules: changed(
        rules, vulnerabilities=changed(rules.vulnerabilities, known="0s")
    ),
    "a license more is denied": lambda rules: changed(
        rules, licenses=changed(rules.licenses, deny=(*rules.licenses.deny, "MIT"))
    ),
    "one license is allowed": lambda rules: changed(
        rules, licenses=changed(rules.licenses, allow=rules.licenses.allow[:1] or ("MIT",))
    ),
    "unknown licenses": lambda rules: changed(
        rules, licenses=changed(rules.licenses, unknown=UnknownLicense.BLOCK)
    ),
    "fewer formats": lambda rules: changed(
        rules, formats=changed(rules.formats, allow=_without_last(rules.formats.allow))
    ),
    "provenance of all": lambda rules: changed(rules, provenance=changed(rules.provenance, packages=("*",))),
    "an exception less": lambda rules: changed(rules, exceptions=_without_last(rules.exceptions)),
    "shorter exceptions": lambda rules: changed(
        rules, exceptions=tuple(changed(each, until=min(each.until, NOW)) for each in rules.exceptions)
    ),
    "exceptions from fewer rules": lambda rules: changed(
        rules, exceptions=tuple(changed(each, rules=each.rules[:1]) for each in rules.exceptions)
    ),
}


@given(projects(), policies, st.sampled_from(sorted(TIGHTENINGS)), hours)
def test_tightening_a_policy_never_permits_more(
    project: Project, rules: PolicyRules, tightening: str, now: datetime
) -> None:
    """U11: loosening is the only way to permit more."""
    before, after = judge(project, rules, now), judge(project, TIGHTENINGS[tightening](rules), now)
    for file in files_of(project):
        was, is_now = before.verdict(file), after.verdict(file)
        assert was.is_served or not is_now.is_served
        assert was.is_listed or not is_now.is_listed
    assert before.verdict_on_name().is_served or not after.verdict_on_name().is_served


@given(projects(), policies, hours)
def test_an_exception_lifts_nothing_but_its_rules_and_never_refuses(
    project: Project, rules: PolicyRules, now: datetime
) -> None:
    """What no exception may lift, such as quarantine, stands."""
    every = PolicyException(
        packages=("*",),
        rules=tuple(ExceptableRule),
        until=Until.fromisoformat("2099-01-01T00:00:00+00:00"),
        reason="x",
    )
    before, after = judge(project, rules, now), judge(project, changed(rules, exceptions=(every,)), now)
    for file in files_of(project):
        was, is_now = before.verdict(file), after.verdict(file)
        if was.rule is Rule.QUARANTINE:
            assert is_now == was
            continue
        assert is_now.is_served
        assert is_now.rule in {None, Rule.GONE, Rule.DIGEST}
        assert is_now.reported == ()
        assert bool(is_now.exception) or was.is_served


@given(projects(), policies, files)
def test_a_file_that_cannot_be_decided_about_costs_itself_only(
    project: Project, rules: PolicyRules, odd: MirroredFile
) -> None:
    """T33: no time, no version, no digest and no license."""
    assume(project.mirror is not None)
    nameless = odd.replace(
        filename="demo-odd", version="", sha256="", license="", upload_time=None, first_seen=None, provenance_url=""
    )
    assert project.mirror is not None
    others = tuple(project.mirror.files)
    without, with_it = judge(project, rules), judge(mirror_of(*others, nameless), rules)
    assert [without.verdict(file) for file in others] == [with_it.verdict(file) for file in others]


def test_all_parts_of_a_policy_are_in_these_laws() -> None:
    names = set(PolicyRules.__struct_fields__) - {"exceptions"}
    assert names == {rule.value for rule in ExceptableRule}
    assert all(isinstance(each, File | MirroredFile) for each in files_of(mirror_of(mirrored())))
