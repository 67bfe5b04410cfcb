"""Sentences with parts that other people wrote: they become a header, so they are one line of ASCII."""

import pytest
from hypothesis import strategies as st

from support.properties import given
from wheelyard_server.policy.sentences import MAX_SENTENCE_LENGTH, plain, sentence

HINT = "Ask for an exception from cooldown: policy.exceptions of the index team/pypi"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("use pyjwt", "use pyjwt"),
        ("use pyjwt\r\nSet-Cookie: a=b", "use pyjwt Set-Cookie: a=b"),
        ("\x00\x1b[31mred\x7f", "??[31mred?"),
        ("für\u2028alle\u202eneg", "f?r alle?neg"),
        ("\n", ""),
        ("a" * 100, "a" * 77 + "..."),
    ],
)
def test_a_text_is_printable_ascii_on_one_line(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(), st.text())
def test_a_sentence_is_bounded_printable_ascii_whatever_it_is_made_of(text: str, hint: str) -> None:
    found = sentence(text * 50, hint * 50)
    assert len(found) <= MAX_SENTENCE_LENGTH
    assert found.isascii()
    assert found.isprintable()


def test_the_hint_is_never_cut_by_a_long_reason() -> None:
    found = sentence("because " * 100, HINT)
    assert found.endswith(f". {HINT}")
    assert len(found) <= MAX_SENTENCE_LENGTH
