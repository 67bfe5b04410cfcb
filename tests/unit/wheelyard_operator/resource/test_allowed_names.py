import pytest
from hypothesis import strategies as st

from support.properties import given
from wheelyard_operator.resource.allowed_names import allows, examples

NAMESPACES = st.from_regex(r"[ab]([ab-]{0,4}[ab])?", fullmatch=True)
NAMES = st.from_regex(r"[ab.-]{0,12}", fullmatch=True)
PATTERNS = st.builds(
    "{}{{namespace}}{}".format,
    st.from_regex(r"([ab*?.-]{0,4}[.-])?", fullmatch=True),
    st.from_regex(r"([.-][ab*?.-]{0,4})?", fullmatch=True),
)


@pytest.mark.parametrize(
    ("pattern", "name", "namespace", "allowed"),
    [
        ("*", "anything", "a", True),
        ("acme-*", "acme-x", "a", True),
        ("acme-*", "other", "a", False),
        ("{namespace}", "a", "a", True),
        ("{namespace}-*", "a-packages", "a", True),
        ("{namespace}-*", "a-b-packages", "a-b", True),
        ("{namespace}-*", "a-b-packages", "a", False),
        ("{namespace}-*", "a", "a", False),
        ("{namespace}-*", "ab-packages", "a", False),
        ("{namespace}-*", "a-x.y", "a", False),
        ("pypi-{namespace}", "pypi-a", "a", True),
        ("pypi-{namespace}", "pypi-a-b", "a", False),
        ("pypi-{namespace}", "pypi-a-b", "b", False),
        ("*-{namespace}.example.com", "pypi-a.example.com", "a", True),
        ("*-{namespace}.example.com", "pypi-b-a.example.com", "a", False),
        ("*.{namespace}.example.com", "pypi.a.example.com", "a", True),
        ("*.{namespace}.example.com", "pypi.x.a.example.com", "a", False),
        ("{namespace}.example.com", "a.b.example.com", "a", False),
    ],
)
def test_a_pattern_allows_names_to_a_namespace(pattern: str, name: str, namespace: str, *, allowed: bool) -> None:
    assert allows([pattern], name, namespace) is allowed


def test_without_patterns_nothing_is_allowed() -> None:
    assert not allows([], "acme", "a")


@given(st.lists(PATTERNS, max_size=3), NAMES, NAMESPACES, NAMESPACES)
def test_no_two_namespaces_may_have_one_name(patterns: list[str], name: str, one: str, two: str) -> None:
    assert one == two or not (allows(patterns, name, one) and allows(patterns, name, two))


def test_two_patterns_that_give_a_name_to_two_namespaces_give_it_to_neither() -> None:
    patterns = ["{namespace}-*", "pypi-{namespace}"]
    assert not allows(patterns, "pypi-a", "a")
    assert not allows(patterns, "pypi-a", "pypi")
    assert allows([*patterns, "pypi-a"], "pypi-a", "a"), "the platform team says so by name"


def test_only_the_patterns_of_its_own_namespace_are_shown() -> None:
    assert examples(["team-b-packages", "{namespace}-*"], "a") == ("a-*",)
