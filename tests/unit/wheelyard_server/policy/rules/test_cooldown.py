"""Waits to the microsecond, the clocks that they count by, and fixes that need not wait as long."""

from datetime import datetime, timedelta, timezone

import pytest

from support.policies import (
    MADE,
    NOW,
    advisory,
    ago,
    feed,
    judge,
    mirror_of,
    mirrored,
    of_versions,
    until,
)
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.advisories import NO_ADVISORIES, Advisories
from wheelyard_server.policy.verdict import PERMITTED, Rule

MOMENT = timedelta(microseconds=1)
SETTLED = "cooldown: {firstSight: {up: Settled}}"


def served(policy: str, *files: MirroredFile, advisories: Advisories = NO_ADVISORIES) -> list[bool]:
    found = judge(policy, mirror_of(*files), advisories)
    return [found.verdict(file).is_served for file in files]


@pytest.mark.parametrize(
    ("age", "seconds"), [("0s", 0), ("1s", 1), ("30s", 30), ("10m", 600), ("4h", 14_400), ("7d", 604_800)]
)
def test_a_file_waits_until_the_very_moment_and_not_longer(age: str, seconds: int) -> None:
    """T32: the comparison is not inverted, and its bound is exact."""
    file = mirrored(days=0)
    end = NOW + timedelta(seconds=seconds)
    for moment in {NOW, end - MOMENT} if seconds else set():
        found = judge(f"cooldown: {{age: {age}}}", mirror_of(file), now=moment).verdict(file)
        assert (found.is_served, found.rule, found.until) == (False, Rule.COOLDOWN, end)
    assert judge(f"cooldown: {{age: {age}}}", mirror_of(file), now=end).verdict(file) == PERMITTED


def test_times_of_other_zones_are_the_same_moments_and_a_naive_one_is_in_utc() -> None:
    """T32: a document of foreign origin costs no error."""
    elsewhere = ago(7).astimezone(timezone(timedelta(hours=9)))
    for time in (elsewhere, elsewhere + MOMENT):
        assert served("", mirrored().replace(upload_time=time)) == [time == elsewhere]
    naive = ago(7).replace(tzinfo=None)
    assert served("", mirrored().replace(upload_time=naive)) == [True]
    assert served("", mirrored().replace(upload_time=naive + MOMENT)) == [False]


def test_a_wheel_that_is_added_to_an_old_version_is_young() -> None:
    """This is how established projects were poisoned."""
    old = mirrored("demo-1.0.tar.gz", 900)
    young = mirrored("demo-1.0-py3-none-any.whl", 1)
    assert served("", old, young) == [True, False]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", [False, False, True]),
        (SETTLED, [True, False, True]),
        ("cooldown: {firstSight: {up: Wait}}", [False, False, True]),
        ("cooldown: {firstSight: {other: Settled}}", [False, False, True]),
    ],
)
def test_a_file_without_an_upload_time_is_as_old_as_this_index_knows_it_unless_its_upstream_is_settled(
    policy: str, expected: list[bool]
) -> None:
    """U8, T30: an index that has just been made blocks nothing of an upstream that a person calls settled."""
    made = ago(1)
    files = (
        mirrored("demo-1.0-py3-none-any.whl", None, first_seen=made),
        mirrored("demo-2.0-py3-none-any.whl", None, first_seen=made + MOMENT),
        mirrored("demo-3.0-py3-none-any.whl", None, first_seen=ago(7)),
    )
    found = judge(policy, mirror_of(*files, made=made))
    assert [found.verdict(file).is_served for file in files] == expected


def test_an_upload_time_counts_even_if_it_is_the_moment_of_the_first_sight() -> None:
    file = mirrored(days=1)
    project = mirror_of(file, made=ago(1))
    assert not judge(SETTLED, project).verdict(file).is_served


def test_a_file_without_any_time_costs_itself_only() -> None:
    """T33."""
    undated = mirrored("demo-1.0-py3-none-any.whl", None)
    assert served("", undated, mirrored("demo-2.0-py3-none-any.whl", 30)) == [False, True]
    found = judge("", mirror_of(undated)).verdict(undated)
    assert found.until is None
    assert "its age is unknown" in found.reason


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59.999999", "9999-12-31T20:00:00", "0001-01-01T00:00:00"])
@pytest.mark.parametrize("zone", ["", "Z", "+12:00", "-12:00"])
@pytest.mark.parametrize("age", ["9999999d", "7d", "0s"])
def test_no_time_and_no_age_is_too_far_away(time: str, zone: str, age: str) -> None:
    file = mirrored().replace(upload_time=datetime.fromisoformat(time + zone))
    found = judge(f"cooldown: {{age: {age}}}", mirror_of(file)).verdict(file)
    if age != "9999999d":
        assert found.is_served is (time < "1000")


def test_the_sentence_has_both_times_and_says_where_to_ask() -> None:
    file = mirrored("demo-2.0-py3-none-any.whl", 1)
    assert judge("", mirror_of(file)).verdict(file).reason == (
        "demo-2.0-py3-none-any.whl was published at 2026-11-29 12:00 UTC and waits 7d, until 2026-12-06 12:00 UTC."
        " Ask for an exception from cooldown: policy.exceptions of the index team/pypi"
    )
    seen = mirrored("demo-2.0-py3-none-any.whl", None, first_seen=ago(1))
    assert "first seen at 2026-11-29 12:00 UTC" in judge("", mirror_of(seen)).verdict(seen).reason


HOLE = mirrored("demo-1.0-py3-none-any.whl", 30)
FIX = mirrored("demo-1.1-py3-none-any.whl", 1)
FIXES = "cooldown: {age: 7d, fixes: 4h}"


@pytest.mark.parametrize(
    ("policy", "advisories", "is_served"),
    [
        pytest.param(FIXES, feed(advisory("GHSA-1", **until("1.1"))), True, id="a reviewed advisory"),
        pytest.param(FIXES, feed(advisory("PYSEC-1", **until("1.1"))), True, id="of the packaging community"),
        pytest.param("cooldown: {age: 7d}", feed(advisory("GHSA-1", **until("1.1"))), False, id="no such switch"),
        pytest.param("cooldown: {fixes: 2d}", feed(advisory("GHSA-1", **until("1.1"))), False, id="too young"),
        pytest.param(
            "cooldown: {fixes: 9d}", feed(advisory("GHSA-1", **until("1.1"))), False, id="longer than age"
        ),
        pytest.param(FIXES, feed(advisory("OSV-1", **until("1.1"))), False, id="reviewed by none"),
        pytest.param(FIXES, feed(advisory("MAL-1", **until("1.1"))), False, id="malware has no fix"),
        pytest.param(FIXES, feed(advisory("GHSA-1", **until("1.2"))), False, id="fixed by another version"),
        pytest.param(FIXES, feed(advisory("GHSA-1", **until("1.1")), name="other"), False, id="another project"),
        pytest.param(
            FIXES, feed(advisory("GHSA-1", **{**until("1.1"), **of_versions("0.9")})), False, id="none was affected"
        ),
        pytest.param(FIXES, NO_ADVISORIES, False, id="no feed"),
    ],
)
def test_a_fix_need_not_wait_if_a_reviewed_advisory_calls_it_that_and_an_affected_version_was_permitted(
    policy: str, advisories: Advisories, *, is_served: bool
) -> None:
    off = "\nmalware: {action: Off}"
    assert served(policy + off, HOLE, FIX, advisories=advisories) == [True, is_served]


@pytest.mark.parametrize(("days", "is_served"), [(8.1, True), (8, True), (7.9, False), (0.5, False)])
def test_a_fix_waits_as_all_others_if_the_affected_versions_were_not_permitted_before(
    days: float, *, is_served: bool
) -> None:
    """The fix was published a day ago, so an affected version was permitted if it is 8 days old by now."""
    hole = mirrored("demo-1.0-py3-none-any.whl", days)
    assert served(FIXES, hole, FIX, advisories=feed(advisory("GHSA-1", **until("1.1"))))[1] is is_served


def test_a_fix_of_a_version_that_an_exception_has_let_in_need_not_wait() -> None:
    hole = mirrored("demo-1.0-py3-none-any.whl", 3)
    entry = 'packages: [demo], versions: "==1.0", from: [cooldown], until: "2026-12-15", reason: SEC-1'
    exceptions = f"\nexceptions: [{{{entry}}}]"
    known = feed(advisory("GHSA-1", **until("1.1")))
    assert served(FIXES + exceptions, hole, FIX, advisories=known) == [True, True]
    assert served(FIXES, hole, FIX, advisories=known) == [False, False]


def test_a_fix_waits_for_its_own_age_to_the_moment() -> None:
    fix = mirrored("demo-1.1-py3-none-any.whl", 0)
    project = mirror_of(HOLE, fix)
    known = feed(advisory("GHSA-1", **until("1.1")))
    end = NOW + timedelta(hours=4)
    found = judge(FIXES, project, known).verdict(fix)
    assert (found.is_served, found.until) == (False, end)
    assert judge(FIXES, project, known, end - MOMENT).verdict(fix).rule is Rule.COOLDOWN
    assert judge(FIXES, project, known, end).verdict(fix) == PERMITTED


def test_an_index_that_was_just_made_waits_from_its_first_sight() -> None:
    """The default of first sights is the safe one."""
    file = mirrored(days=None, first_seen=MADE)
    found = judge("", mirror_of(file, made=MADE), now=MADE).verdict(file)
    assert found.until == MADE + timedelta(days=7)


@pytest.mark.parametrize(("seconds", "is_part"), [(86_400, True), (86_401, False)])
def test_a_file_that_is_added_to_an_old_fix_is_no_part_of_it(seconds: int, is_part: bool) -> None:  # noqa: FBT001 - a parameter
    """A stolen token can add a wheel to a version that an advisory calls a fix, but not make it a release."""
    fix = mirrored("demo-1.1.tar.gz", 3)
    later = NOW - timedelta(days=3) + timedelta(seconds=seconds)
    added = mirrored("demo-1.1-py3-none-any.whl", 3).replace(upload_time=later)
    known = feed(advisory("GHSA-1", **until("1.1")))
    found = judge(FIXES, mirror_of(HOLE, fix, added), known).verdict(added)
    assert (found == PERMITTED) is is_part
