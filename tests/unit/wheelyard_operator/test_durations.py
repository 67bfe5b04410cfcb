import pytest
from hypothesis import strategies as st

from support.properties import given
from wheelyard_operator.durations import parse_duration

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("30s", 30), ("10m", 600), ("720h", 2_592_000), ("7d", 604_800)]
)
def test_a_number_and_a_unit_are_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "30", "s", "1.5h", "-1s", "+1s", " 1s", "1s\n", "1 s", "1h30m", "01s", "1w", "1S", "10000000s", "٣s"],
)
def test_anything_else_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(ValueError, match="a whole number with s, m, h or d, such as 30s or 7d"):
        parse_duration(text)


@given(number=st.integers(0, 9_999_999), unit=st.sampled_from(sorted(UNITS)))
def test_every_number_of_every_unit_is_read(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == number * UNITS[unit]


@given(text=st.text(max_size=12))
def test_a_text_is_read_exactly_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert text == f"{seconds // UNITS[text[-1]]}{text[-1]}"
