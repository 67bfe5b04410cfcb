import hashlib
import secrets

import pytest

from wheelyard_operator import tokens


def test_a_token_has_its_form_and_checksum() -> None:
    token = tokens.new_token(secrets.token_bytes)
    assert len(token) == 3 + 43 + 6
    assert token.startswith("wy_")
    assert tokens.is_token(token)
    assert tokens.new_token(secrets.token_bytes) != token


def test_tokens_are_as_in_the_contract() -> None:
    """The contract's words, for the smallest and the greatest number."""
    assert tokens.new_token(bytes) == "wy_" + "0" * 43 + "1zGC0G"
    assert tokens.new_token(lambda count: b"\xff" * count).startswith("wy_yhj")


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t[:-1] + "!", lambda t: "wy_1" + t[4:], str.upper])
def test_anything_else_is_not_a_token(change: object) -> None:
    token = tokens.new_token(bytes)
    assert not tokens.is_token(change(token))  # type: ignore[operator]


def test_the_digest_of_a_token_is_its_sha256() -> None:
    assert tokens.digest("wy_x") == "sha256:" + hashlib.sha256(b"wy_x").hexdigest()
