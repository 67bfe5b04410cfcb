"""What a record says: made ones in OSV's format, among them every odd kind that real ones have."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from packaging.version import Version

from support import osv
from support.properties import given
from wheelyard_server.feed.osv_records import UnreadableRecordError, read_record
from wheelyard_server.policy.advisories import Advisories, Advisory
from wheelyard_server.settings.policy import Severity


def read(record: osv.OsvJson) -> Mapping[str, Advisory]:
    return read_record(json.dumps(record).encode()).advisories


def affects(record: osv.OsvJson, name: str, version: str) -> bool:
    by_name = {project: (advisory,) for project, advisory in read(record).items()}
    return bool(Advisories("1", by_name).affecting(name, version))


ODD = {each["id"]: each for each in osv.odd_records()}


@pytest.mark.parametrize(
    ("identifier", "name", "affected", "others"),
    [
        ("MAL-2026-1", "evil-package", ["1.0", "1", "1.0.0", "v1.0", "1.0.1", "1.0.1+cu121"], ["1.0.2", "2", ""]),
        ("MAL-2026-2", "all-versions", ["0", "1.0", "2004d", "", "99999!1"], []),
        ("MAL-2026-4", "odd-versions", ["2004D", "1", "1.0b1", "not a version "], ["2004", "1.0b2", "not"]),
        ("GHSA-aaaa-bbbb-cccc", "aliased", ["3.1"], ["3.0"]),
        ("MAL-2026-6", "nothing-said", ["1.0", "odd"], []),
        (
            "GHSA-2222-3333-4444",
            "flask",
            ["0.dev1", "2.3.1", "2.3.2rc1", "2.3.1+local"],
            ["2.3.2", "2.3.2+l", "3", "x"],
        ),
        ("PYSEC-2026-7", "django", ["4.0", "4.2", "5.0", "6.1"], ["3.9", "4.2.1", "4.3"]),
        ("PYSEC-2026-8", "last", ["0.1", "1.2", "1.2.0", "1.2+local"], ["1.2.1", "1.2.post1"]),
        ("PYSEC-2026-9", "two", ["1.0"], ["2.0"]),
        ("PYSEC-2026-9", "zlib", [], ["1.0"]),
    ],
)
def test_a_record_affects_its_versions_in_any_spelling(
    identifier: str, name: str, affected: list[str], others: list[str]
) -> None:
    assert {version: affects(ODD[identifier], name, version) for version in (*affected, *others)} == {
        **dict.fromkeys(affected, True),
        **dict.fromkeys(others, False),
    }


def test_a_record_that_is_withdrawn_says_nothing() -> None:
    assert read(ODD["MAL-2026-3"]) == {}


def test_a_record_of_another_ecosystem_says_nothing() -> None:
    assert read(ODD["GHSA-npm0-npm0-npm0"]) == {}


def test_malware_is_known_by_its_id_or_an_alias() -> None:
    is_malware = {each: [one.is_malware for one in read(record).values()] for each, record in ODD.items()}
    assert {each for each, found in is_malware.items() if any(found)} == {
        "MAL-2026-1", "MAL-2026-2", "MAL-2026-4", "MAL-2026-6", "GHSA-aaaa-bbbb-cccc",
    }  # fmt: skip


def test_only_github_and_pypa_review_their_records() -> None:
    flask = osv.vulnerability("GHSA-2222-3333-4444", "flask", fixed="2.3.2")
    unreviewed = {**flask, "database_specific": {"github_reviewed": False}}
    other = osv.vulnerability("OTHER-1", "flask", fixed="2.3.2")
    assert [read(each)["flask"].is_reviewed for each in (flask, unreviewed, other)] == [True, False, False]


def test_a_fix_is_every_version_that_an_event_calls_fixed() -> None:
    part = osv.affected(
        "flask", (), osv.events(("introduced", "0"), ("fixed", "1.2.0"), ("fixed", "1.1.9"), ("fixed", "odd fix"))
    )
    known = Advisories("1", {"flask": (read(osv.record("GHSA-1", part))["flask"],)})
    assert [bool(known.fixed_by("flask", each)) for each in ("1.2", "v1.1.9", "1.2.1", "odd fix")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_malware_calls_nothing_a_fix() -> None:
    report = osv.vulnerability("GHSA-1", "flask", fixed="1.2", aliases=["MAL-2026-1"])
    assert not Advisories("1", {"flask": (read(report)["flask"],)}).fixed_by("flask", "1.2")


V2 = {"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:C/I:C/A:C"}
V3 = {"type": "CVSS_V3", "score": osv.CRITICAL}
V3_MEDIUM = {"type": "CVSS_V3", "score": osv.MEDIUM}
V3_NONE = {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"}
V3_ODD = {"type": "CVSS_V3", "score": "nonsense"}
V4 = {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}


@pytest.mark.parametrize(
    ("scores", "about", "severity"),
    [
        ([V3], None, Severity.CRITICAL),
        ([V2], None, Severity.HIGH),
        ([V4], None, Severity.CRITICAL),
        ([V3_MEDIUM, V2], None, Severity.HIGH),
        ([V3_MEDIUM], {"severity": "LOW"}, Severity.MEDIUM),
        (None, {"severity": "MODERATE"}, Severity.MEDIUM),
        ([V3_ODD], {"severity": "HIGH"}, Severity.HIGH),
        ([V3_NONE], None, None),
        ([{"type": "Ubuntu", "score": "high"}], None, None),
        (None, {"severity": 7}, None),
        (None, ["severity"], None),
        (None, None, None),
    ],
)
def test_the_severity_is_the_highest_of_the_vectors_or_else_the_database_s(
    scores: list[dict[str, str]] | None, about: object, severity: Severity | None
) -> None:
    record = osv.record("GHSA-1", osv.affected("flask", ["1.0"]), severity=scores, database_specific=about)
    assert read(record)["flask"].severity == severity


def test_the_severity_of_one_project_may_be_its_own() -> None:
    own = osv.affected("flask", ["1.0"], severity=[{"type": "CVSS_V3", "score": osv.CRITICAL}])
    assert read(osv.record("GHSA-1", own))["flask"].severity == Severity.CRITICAL


def test_a_record_without_a_time_of_publication_was_published_when_it_was_changed() -> None:
    record = osv.record("GHSA-1", osv.affected("flask", ["1.0"]), published=None)
    assert read(record)["flask"].published == osv.START


def test_digests_of_malware_are_those_of_files_not_those_of_reports() -> None:
    about = {"malicious-packages-origins": [{"sha256": "0" * 64}], "iocs": {"sha256": ["A" * 64, "short", 7]}}
    report = osv.malware("MAL-2026-1", "evil", "1.0", database_specific=about)
    assert read(report)["evil"].digests == ("a" * 64,)


def test_a_summary_is_one_short_line() -> None:
    record = osv.malware("MAL-2026-1", "evil", summary=f"a\r\n\x1b[31mb{'c' * 500}")
    assert read(record)["evil"].summary == f"a [31mb{'c' * 153}"


def test_versions_that_an_interval_has_are_not_kept_twice() -> None:
    part = osv.affected("flask", ["1.0", "2.0", "9.0"], osv.events(("introduced", "0"), ("fixed", "2.1")))
    assert read(osv.record("GHSA-1", part))["flask"].versions == ("9",)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id": "A-1"}',
        b'{"id": 1, "modified": "2026-01-01T00:00:00Z"}',
        b'{"id": "../../etc", "modified": "2026-01-01T00:00:00Z"}',
        b'{"id": "A-1", "modified": "yesterday"}',
        b'{"id": "A-1", "modified": "2026-01-01T00:00:00Z", "affected": {}}',
        b'{"id": "A-1", "modified": "2026-01-01T00:00:00Z", "summary": "\xff"}',
        b'{"id": "A-1", "modified": "2026-01-01T00:00:00Z", "database_specific": ' + b"[" * 5000,
    ],
)
def test_what_is_no_record_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableRecordError):
        read_record(body)


@pytest.mark.parametrize("versions", [["1" * 201], [f"1.{number}" for number in range(50_001)]])
def test_a_record_beyond_all_bounds_is_unreadable(versions: list[str]) -> None:
    with pytest.raises(UnreadableRecordError, match="more or longer versions"):
        read(osv.malware("MAL-2026-1", "evil", *versions))


def test_odd_parts_are_noticed() -> None:
    odd = {each: read_record(json.dumps(record).encode()).is_odd for each, record in ODD.items()}
    assert {each for each, is_odd in odd.items() if is_odd} == {"MAL-2026-4"}
    assert read_record(json.dumps(osv.malware("MAL-2026-1", "no name at all")).encode()).is_odd


VERSIONS = [f"{major}.{minor}{tail}" for major in range(3) for minor in range(3) for tail in ("", "rc1", ".post1")]
EVENTS = st.lists(
    st.tuples(st.sampled_from(["introduced", "fixed", "last_affected"]), st.sampled_from(["0", *VERSIONS])),
    max_size=6,
)


def test_times_are_compared_in_utc() -> None:
    record = osv.malware("MAL-2026-1", "evil", modified=datetime(2026, 1, 1, tzinfo=UTC))
    shifted = {**record, "modified": "2026-01-01T03:00:00+03:00"}
    assert read_record(json.dumps(shifted).encode()).modified == datetime(2026, 1, 1, tzinfo=UTC)
    assert read_record(json.dumps(shifted).encode()).modified.utcoffset() == timedelta(0)


@given(EVENTS, st.sampled_from(VERSIONS))
def test_intervals_are_as_osv_evaluates_the_events_of_a_range(pairs: list[tuple[str, str]], version: str) -> None:
    pairs = [(kind, text) for kind, text in pairs if kind == "introduced" or text != "0"]
    record = osv.record("GHSA-1", osv.affected("demo", (), osv.events(*pairs)))
    assert affects(record, "demo", version) == _evaluated(pairs, version)


def _evaluated(pairs: list[tuple[str, str]], version: str) -> bool:
    """Return whether a version is affected, by https://ossf.github.io/osv-schema/#evaluation."""
    is_affected, found = False, Version(version)
    # 0 is before all versions. At one version, the last affected one comes after what begins there.
    for kind, text in sorted(
        pairs, key=lambda pair: (pair[1] != "0", Version(pair[1]), pair[0] == "last_affected")
    ):
        if kind == "introduced" and (text == "0" or found >= Version(text)):
            is_affected = True
        elif (kind == "fixed" and found >= Version(text)) or (kind == "last_affected" and found > Version(text)):
            is_affected = False
    return is_affected


LIMITS = st.lists(st.sampled_from([*VERSIONS, "*", "odd limit"]), max_size=2)


@given(st.sampled_from(VERSIONS), LIMITS, st.sampled_from(VERSIONS))
def test_a_limit_ends_a_range_and_an_unreadable_one_does_not(start: str, limits: list[str], version: str) -> None:
    events = osv.events(("introduced", start), *(("limit", each) for each in limits))
    is_limited = bool(limits) and not {"*", "odd limit"} & set(limits)
    expected = Version(version) >= Version(start) and (
        not is_limited or Version(version) < max(map(Version, limits))
    )
    assert affects(osv.record("GHSA-1", osv.affected("demo", (), events)), "demo", version) == expected


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=4), st.lists(st.text(max_size=10), max_size=4))
def test_no_text_in_a_record_breaks_the_reader_and_a_listed_version_is_affected(
    name: str, versions: list[str], bounds: list[str]
) -> None:
    part = osv.affected(name, versions, osv.events(*(("introduced", each) for each in bounds)))
    for project, advisory in read(osv.record("MAL-2026-1", part)).items():
        known = Advisories("1", {project: (advisory,)})
        assert all(known.affecting(project, each) for each in versions if each.strip())
