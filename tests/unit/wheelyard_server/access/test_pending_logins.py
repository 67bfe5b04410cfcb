"""What a browser keeps while it is at the provider."""

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest

from support.sign_on import NOW
from wheelyard_server.access.pending_logins import LIFETIME, PendingLogin, is_state, signed, verified

KEY, OTHER = (base64.urlsafe_b64encode(bytes([each]) * 32).decode() for each in (1, 2))


def begun() -> PendingLogin:
    return PendingLogin.begin(
        "https://login.example.com", "https://pypi.example.com/login/oidc/callback/", "/project/a/", is_silent=False
    )


def test_a_login_comes_back_as_it_left() -> None:
    login = replace(begun(), is_silent=True)
    assert verified(signed(login, [KEY], NOW), [KEY], NOW) == login


def test_each_login_has_secrets_of_its_own() -> None:
    secrets = [secret for each in (begun(), begun()) for secret in (each.state, each.nonce, each.verifier)]
    assert len(set(secrets)) == 6
    assert all(map(is_state, secrets))


def test_the_challenge_is_the_hash_of_the_verifier() -> None:
    """The example of RFC 7636, appendix B."""
    login = replace(begun(), verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert login.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_rotated_key_still_verifies() -> None:
    login = begun()
    assert verified(signed(login, [OTHER, KEY], NOW), [KEY, OTHER], NOW) == login
    assert verified(signed(login, [OTHER], NOW), [KEY], NOW) is None


def test_a_login_that_takes_too_long_is_over() -> None:
    cookie = signed(begun(), [KEY], NOW)
    assert verified(cookie, [KEY], NOW + LIFETIME - timedelta(seconds=1)) is not None
    assert verified(cookie, [KEY], NOW + LIFETIME) is None


@pytest.mark.parametrize("cookie", ["", "abc", "eyJ.eyJ.abc"])
def test_anything_else_is_no_login(cookie: str) -> None:
    assert verified(cookie, [KEY], NOW) is None


def test_what_the_session_key_signs_itself_is_no_login() -> None:
    claims = jwt.decode(signed(begun(), [KEY], NOW), options={"verify_signature": False})
    for secret in (KEY.encode(), base64.urlsafe_b64decode(KEY), hashlib.sha256(KEY.encode()).digest()):
        assert verified(jwt.encode(claims, secret, "HS256", {"typ": "wheelyard-login+jwt"}), [KEY], NOW) is None


@pytest.mark.parametrize("text", ["", "a" * 42, "a" * 44, "a" * 42 + ";", "a" * 42 + "é", "a" * 42 + "="])
def test_only_a_state_can_be_part_of_a_cookie_name(text: str) -> None:
    assert not is_state(text)
