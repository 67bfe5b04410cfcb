from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.catalog.inspection.wording import shown


def test_short_text_is_quoted() -> None:
    assert shown("demo.py") == "'demo.py'"


@given(st.text(max_size=300) | st.text(alphabet="\U0001f600\0'\"", max_size=300))
def test_any_text_is_shown_in_a_short_printable_line(text: str) -> None:
    line = shown(text)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= 104
