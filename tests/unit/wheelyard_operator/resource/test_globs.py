from fnmatch import fnmatchcase
from functools import cache
from itertools import product

import pytest
from hypothesis import example
from hypothesis import strategies as st

from support.properties import given
from wheelyard_operator.resource.globs import MAX_LENGTH, MAX_STARS, includes, is_bounded


@pytest.mark.parametrize(
    ("outer", "inner", "included"),
    [
        ("*", "*", True),
        ("acme-*", "acme-lib", True),
        ("acme-*", "acme-*", True),
        ("acme-*", "acme-?", True),
        ("acme-*", "*", False),
        ("acme-*", "acme*", False),
        ("a?c", "abc", True),
        ("a?c", "a?c", True),
        ("a?c", "a*c", False),
        ("a*c", "a*b*c", True),
        ("a.c", "abc", False),
        ("a*", "a", True),
        ("a**", "a", True),
        ("", "a", False),
        ("*ab*b", "aabb", True),
    ],
)
def test_a_glob_includes_another(outer: str, inner: str, *, included: bool) -> None:
    assert includes(outer, inner) is included


GLOBS = st.text("ab-*?", min_size=1, max_size=6)
NAMES = ["".join(letters) for length in range(5) for letters in product("abx", repeat=length)]


@cache
def reference(outer: str, inner: str) -> bool:
    """By definition, trying everything: a star stands for nothing, or for one more character."""
    if not inner:
        return not outer.strip("*")
    if not outer:
        return False
    if outer[0] == "*":
        return reference(outer[1:], inner) or reference(outer, inner[1:])
    return (outer[0] == inner[0] or (outer[0] == "?" and inner[0] != "*")) and reference(outer[1:], inner[1:])


@given(GLOBS, GLOBS)
@example("*a*b*", "a*ab")
@example("*ab", "aab*ab")
def test_glob_inclusion_agrees_with_brute_force(outer: str, inner: str) -> None:
    assert includes(outer, inner) is reference(outer, inner)


@given(GLOBS, GLOBS, st.text("ab-", max_size=6))
def test_a_glob_that_is_included_matches_no_more(outer: str, inner: str, name: str) -> None:
    if includes(outer, inner) and fnmatchcase(name, inner):
        assert fnmatchcase(name, outer)


@given(st.text("ab*", min_size=1, max_size=4), st.text("ab*", min_size=1, max_size=4))
def test_without_question_marks_it_finds_every_glob_that_is_included(outer: str, inner: str) -> None:
    """`x`, which no glob has, stands for all other letters."""
    matches_no_more = all(fnmatchcase(name, outer) for name in NAMES if fnmatchcase(name, inner))
    if matches_no_more and any(fnmatchcase(name, inner) for name in NAMES):
        assert includes(outer, inner)


class Counted(str):  # noqa: SLOT000 - it counts in an attribute
    """Counts how often somebody looks at a character of it."""

    looks = 0

    def __getitem__(self, at: object) -> str:
        self.looks += 1
        return super().__getitem__(at)  # type: ignore[index]


WORST = {
    "eight stars": ("*a" * 8 + "b", "a" * MAX_LENGTH),
    "sixty-four stars": ("*a" * 64, "a" * (MAX_LENGTH - 1) + "b"),
    "a long end that never fits": ("*" + "a" * 60 + "b", "a" * MAX_LENGTH),
    "question marks": ("*?" * 60 + "b", "a" * MAX_LENGTH),
    "stars in both": ("*a" * 60 + "b", "*a" * 64),
    "stars alone": ("*" * MAX_LENGTH, "a" * MAX_LENGTH),
}


@pytest.mark.parametrize("name", WORST)
def test_the_worst_globs_cost_no_more_steps_than_the_product_of_their_lengths(name: str) -> None:
    outer, inner = (Counted(each) for each in WORST[name])
    includes(outer, inner)
    assert inner.looks <= len(outer) * len(inner)
    assert outer.looks <= 2 * len(outer) * len(inner) + len(outer)


def test_globs_are_bounded_in_stars_and_length() -> None:
    assert is_bounded("*" * MAX_STARS)
    assert is_bounded("a" * MAX_LENGTH)
    assert not is_bounded("*" * (MAX_STARS + 1))
    assert not is_bounded("a" * (MAX_LENGTH + 1))
