"""The words of a provider, as people see them."""

import pytest

from wheelyard_server.openid.provider_words import MAX_LENGTH, provider_words


@pytest.mark.parametrize(
    ("code", "description", "words"),
    [
        ("access_denied", "No", "access_denied: No"),
        ("access_denied", "", "access_denied"),
        ("", "No", "No"),
        ("", "", ""),
        ("a\r\nb", " c\t\x00d\u202e ", "a b: c d"),
        ("\ud800", "", ""),
    ],
)
def test_they_are_one_line(code: str, description: str, words: str) -> None:
    assert provider_words(code, description) == words


def test_they_are_bounded() -> None:
    assert len(provider_words("a" * 10_000_000, "b" * 10_000_000)) == MAX_LENGTH
