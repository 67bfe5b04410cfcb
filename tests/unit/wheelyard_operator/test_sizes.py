import pytest
from hypothesis import strategies as st
from kubernetes.utils import parse_quantity

from support.properties import given
from wheelyard_operator.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("123456", 123456), ("2Ki", 2048), ("500Mi", 500 * 2**20), ("5Gi", 5 * 2**30), ("5Ti", 5 * 2**40)],
)
def test_a_number_and_a_unit_are_bytes(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "0", "0Gi", "5G", "5M", "5m", "1e3", "1.5Gi", "-1", "5 Gi", "5Gi\n", "5gi", "Gi", "05Gi", "5Pi", "٣"],
)
def test_anything_else_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(ValueError, match="a whole number of bytes, or with Ki, Mi, Gi or Ti, such as 5Gi"):
        parse_size(text)


@given(number=st.integers(1, 10**13), unit=st.sampled_from(["", "Ki", "Mi", "Gi", "Ti"]))
def test_a_size_is_what_kubernetes_takes_it_for(number: int, unit: str) -> None:
    assert parse_size(f"{number}{unit}") == parse_quantity(f"{number}{unit}")


@given(text=st.text(max_size=12))
def test_a_text_is_read_exactly_or_refused(text: str) -> None:
    try:
        size = parse_size(text)
    except ValueError:
        return
    assert size == parse_quantity(text)
