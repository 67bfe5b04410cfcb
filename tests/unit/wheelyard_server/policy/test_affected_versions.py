"""Which versions an advisory affects: equal versions are affected alike, and unreadable ones if they are listed."""

import pytest
from hypothesis import strategies as st
from packaging.version import Version

from support.properties import given
from wheelyard_server.policy.affected_versions import EVERY_VERSION, AffectedVersions, Interval, listed, spelled

READABLE = st.builds(
    lambda epoch, parts, tail, local: f"{epoch}{'.'.join(map(str, parts))}{tail}{local}",
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    st.sampled_from(["", "a1", "rc2", ".post1", ".dev3"]),
    st.sampled_from(["", "+cu121"]),
)


def affects(version: str, versions: list[str], *intervals: Interval) -> bool:
    return AffectedVersions(map(listed, versions), intervals).include(spelled(version))


@given(READABLE, READABLE)
def test_a_listed_version_is_affected_in_every_spelling_and_as_a_local_build(one: str, other: str) -> None:
    is_same = Version(one) == Version(other) or Version(Version(one).public) == Version(other)
    assert affects(one, [other]) == is_same
    assert affects(f" v{one} ", [other]) == is_same


@given(READABLE, READABLE, READABLE, st.booleans())
def test_an_interval_is_as_packaging_compares(version: str, start: str, end: str, is_closed: bool) -> None:  # noqa: FBT001
    low, high = Version(start), Version(end)
    spellings = {Version(version), Version(Version(version).public)}
    is_between = any(low <= each and (each < high or (is_closed and each == high)) for each in spellings)
    assert affects(version, [], Interval(start, end, is_closed)) == is_between


@given(st.text(max_size=30))
def test_every_version_is_every_text(version: str) -> None:
    assert affects(version, [], EVERY_VERSION)


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_an_unreadable_version_is_affected_only_if_it_is_listed(version: str, other: str) -> None:
    assert affects(version, [version])
    assert affects(version, [], Interval("0.1", "9")) is False or spelled(version).versions
    assert affects(version, [other]) == (not spelled(version).texts.isdisjoint({listed(other)}))


@pytest.mark.parametrize("version", ["1" * 5000, "1." * 5000 + "0", "\x00", "", "1.0\n2.0"])
def test_no_version_is_too_odd(version: str) -> None:
    assert not affects(version, ["1.0"], Interval("0.1", "2"))
