"""Advisories as a value: by project, packed, and in layers."""

import tracemalloc
from datetime import UTC, datetime

import msgspec

from support import osv
from wheelyard_server.feed.osv_records import read_record
from wheelyard_server.policy.advisories import (
    NO_ADVISORIES,
    Advisories,
    Advisory,
    PackedAdvisories,
    joined,
    packed_one,
    parted,
    unpacked,
    unpacked_one,
)
from wheelyard_server.policy.affected_versions import Interval
from wheelyard_server.settings.policy import Severity

PUBLISHED = datetime(2026, 11, 30, tzinfo=UTC)
MIB = 1024**2


def advisory(identifier: str, *, is_malware: bool = False, **fields: object) -> Advisory:
    severity = None if is_malware else Severity.HIGH
    return Advisory(identifier, is_malware, severity, PUBLISHED, is_reviewed=True, **fields)  # type: ignore[arg-type]


def packed(advisories: tuple[Advisory, ...]) -> bytes:
    return joined(tuple(map(packed_one, advisories)))


def test_without_a_feed_nothing_is_known() -> None:
    assert not NO_ADVISORIES.are_known
    assert not NO_ADVISORIES.has("demo")
    assert NO_ADVISORIES.affecting("demo", "1.0") == NO_ADVISORIES.of("demo") == ()
    assert NO_ADVISORIES.fixed_by("demo", "1.0") == ()
    assert NO_ADVISORIES.malware_with("a" * 64) is None


def test_malware_comes_first() -> None:
    known = Advisories("1", {"demo": (advisory("GHSA-1"), advisory("MAL-2", is_malware=True), advisory("GHSA-0"))})
    assert [each.id for each in known.affecting("demo", "1.0")] == ["MAL-2", "GHSA-0", "GHSA-1"]


def test_a_digest_is_malware_in_any_project() -> None:
    evil = advisory("MAL-1", is_malware=True, digests=("a" * 64,))
    known = Advisories("1", {"demo": (advisory("GHSA-1"), evil)}, {"a" * 64: "demo"})
    assert known.malware_with("a" * 64) == evil
    assert known.malware_with("b" * 64) is None


def test_packed_advisories_are_the_same_advisories() -> None:
    all_of_it = (
        advisory("GHSA-1", aliases=("CVE-1",), versions=("1.0",), intervals=(Interval("1", "2"),), fixed=("2",)),
        advisory("MAL-1", is_malware=True, digests=("a" * 64,), modified=PUBLISHED),
    )
    assert unpacked(packed(all_of_it)) == all_of_it
    assert tuple(map(unpacked_one, parted(packed(all_of_it)))) == all_of_it
    assert unpacked(packed(())) == ()
    assert unpacked(packed(all_of_it * 20)) == all_of_it * 20


def test_the_first_layer_that_has_a_project_counts() -> None:
    base = {name: packed((advisory("GHSA-1"),)) for name in ("kept", "changed", "cleared")}
    changes = {
        "changed": packed((advisory("GHSA-2"),)),
        "cleared": packed(()),
        "new": packed((advisory("GHSA-3"),)),
    }
    layered = PackedAdvisories((changes, base))
    known = Advisories("2", layered)
    found = {name: [each.id for each in known.affecting(name, "1.0")] for name in (*layered, "other")}
    assert found == {"kept": ["GHSA-1"], "changed": ["GHSA-2"], "cleared": [], "new": ["GHSA-3"], "other": []}
    assert len(layered) == 4


def test_all_of_osv_fits_into_40_mib() -> None:
    """Section 9.9: 34,000 made records with lists of versions like OSV's, and 256 projects in use."""
    by_name: dict[str, list[Advisory]] = {}
    for each in osv.as_many_as_osv():
        for name, found in read_record(msgspec.json.encode(each)).advisories.items():
            by_name.setdefault(name, []).append(found)
    body = msgspec.msgpack.encode({name: packed(tuple(each)) for name, each in by_name.items()})
    del by_name
    tracemalloc.start()
    known = Advisories("1", PackedAdvisories((msgspec.msgpack.decode(body, type=dict[str, bytes]),)))
    for number in range(300):
        known.affecting(f"popular-{number}", "1.0")
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert known.affecting("evil-1-package", "0.0.1") or known.affecting("evil-2-package", "0.0.1")
    assert size < 40 * MIB


def test_a_file_without_a_version_is_concerned_by_all_advisories_of_its_project() -> None:
    of_nine = advisory("MAL-1", is_malware=True, versions=("9",), intervals=())
    known = Advisories("1", {"demo": (of_nine, advisory("GHSA-1", versions=("1",), intervals=()))})
    assert [each.id for each in known.concerning("demo", "1")] == ["GHSA-1"]
    assert [each.id for each in known.concerning("demo", "")] == ["MAL-1", "GHSA-1"]
