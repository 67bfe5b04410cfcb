import pytest

from wheelyard_operator.patterns import AnnotationForm, PatternError, compiled, name_pattern


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("true|false", ["true", "false"], ["", "truefalse", "true ", "True"]),
        ("[0-9]{1,5}[kKmMgG]?", ["0", "10m", "99999G"], ["m", "100000", "1kk", "1\n"]),
        ("1[.][01]", ["1.0", "1.1"], ["1x0", "1.2"]),
        (r"\d+h", ["12h"], ["h", "\u0661h"]),
        ("https?://[^ ;]*", ["http://a", "https://"], ["http://a b", "ftp://a"]),
        (r"a\|b", ["a|b"], ["a", "b"]),
        ("[a-z]*z", [], ["z", "az"]),
    ],
)
def test_a_form_is_for_the_whole_value_and_its_parts_give_nothing_back(
    form: str, good: list[str], bad: list[str]
) -> None:
    annotation = AnnotationForm("a", form)
    assert [value for value in [*good, *bad] if annotation.takes(value)] == good


@pytest.mark.parametrize(
    "form", ["", "(a)", "(a+)+", "a**", "a+?", "[]", "[a", "a{1,2", "^a$", "a\\1", "[z-a]", "x" * 501]
)
def test_other_regular_expressions_are_refused(form: str) -> None:
    with pytest.raises(PatternError, match="the form"):
        compiled(form)


def test_no_form_backtracks() -> None:
    """Each of these would take longer than the universe is old, if a part gave back what it had taken."""
    for form in ("[a-z]*" * 60 + "!", "a?" * 100 + "a{100}" + "!", "|".join(["a*a*a*a*!"] * 40)):
        assert not AnnotationForm("a", form).takes("a" * 1024)


@pytest.mark.parametrize(
    "pattern", ["acme", "acme-*", "{namespace}", "pypi-{namespace}-*", "*.{namespace}.example.com"]
)
def test_a_pattern_of_names_is_accepted(pattern: str) -> None:
    assert name_pattern(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["", "a{namespace}", "{namespace}a", "{namespace}*", "?{namespace}", "{namespace}{namespace}", "{x}", "a_b"],
)
def test_patterns_that_could_be_read_in_two_ways_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        name_pattern(pattern)
