"""Every check of an ID token (OpenID Connect Core 1.0, section 3.1.3.7) refuses the token that it is for."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.issuers import TestIssuer
from support.sign_on import CLIENT, ISSUER, NONCE, NOW, PROVIDER, id_token, provider
from wheelyard_server.access.id_tokens import MAX_GROUP_LENGTH, MAX_SUBJECT_LENGTH, Person, person_of
from wheelyard_server.errors import SignOnError

EARLIER, LATER = (int((NOW + timedelta(minutes=each)).timestamp()) for each in (-1, 1))


def refusal(token: str, nonce: str = NONCE) -> str:
    with pytest.raises(SignOnError) as raised:
        person_of(provider(), token, nonce, NOW)
    return str(raised.value)


def test_a_valid_token_names_a_person() -> None:
    assert person_of(provider(), id_token(), NONCE, NOW) == Person(ISSUER, "alice", ("team-a",))


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://other.example.com"}, "does not trust the issuer"),
        ({"iss": None}, "does not trust the issuer"),
        ({"aud": "another"}, "not for this index"),
        ({"aud": ["another"]}, "not for this index"),
        ({"aud": None}, "not for this index"),
        ({"aud": [CLIENT, "another"]}, "azp"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"azp": "another"}, "azp"),
        ({"exp": EARLIER}, "expired"),
        ({"exp": None}, "no expiry time"),
        ({"iat": LATER}, "clocks"),
        ({"nbf": LATER}, "clocks"),
        ({"iat": None}, "iat"),
        ({"nonce": None}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": [NONCE]}, "nonce"),
        ({"nonce": "ö"}, "nonce"),
        ({"nonce": "m" * 43}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "refused"),
        ({"sub": "a\nb"}, "sub"),
        ({"sub": "a" * (MAX_SUBJECT_LENGTH + 1)}, "sub"),
    ],
)
def test_a_wrong_claim_refuses_the_token(claims: dict[str, Any], reason: str) -> None:
    message = refusal(id_token(**claims))
    assert reason in message
    assert "Log in again" in message


def test_several_audiences_need_an_authorized_party() -> None:
    assert person_of(provider(), id_token(aud=[CLIENT, "another"], azp=CLIENT), NONCE, NOW).subject == "alice"


def test_a_token_of_another_login_is_refused() -> None:
    assert "nonce" in refusal(id_token(), "m" * 43)


def test_a_key_that_the_provider_does_not_publish_signs_nothing() -> None:
    forged = TestIssuer(ISSUER, 4, audience=CLIENT, claims=PROVIDER.claims)
    assert "signature" in refusal(forged.sign(NOW))


def _part(content: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=")


def test_the_algorithm_none_is_refused() -> None:
    claims = id_token().split(".")[1].encode()
    for signature in (b"", b"AAAA"):
        refusal(b".".join((_part({"alg": "none"}), claims, signature)).decode())


@pytest.mark.parametrize("key_form", [Encoding.PEM, Encoding.DER])
def test_a_public_key_is_no_secret_of_hmac(key_form: Encoding) -> None:
    public = PROVIDER.private_key.public_key().public_bytes(key_form, PublicFormat.SubjectPublicKeyInfo)
    signed = b".".join((_part({"alg": "HS256", "kid": "one"}), id_token().split(".")[1].encode()))
    signature = base64.urlsafe_b64encode(hmac.digest(public, signed, hashlib.sha256)).rstrip(b"=")
    assert "signature" in refusal(b".".join((signed, signature)).decode())


def test_a_client_secret_is_no_key_of_an_id_token() -> None:
    signed = b".".join((_part({"alg": "HS256"}), id_token().split(".")[1].encode()))
    signature = hmac.digest(provider().client_secret.encode(), signed, hashlib.sha256)
    refusal(b".".join((signed, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode())


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", "eyJ" + "a" * 20_000 + ".a.b"])
def test_anything_else_is_refused(token: str) -> None:
    refusal(token)


@pytest.mark.parametrize(
    ("claim", "groups"),
    [
        (["team-a", "team-b"], ("team-a", "team-b")),
        ("team-a", ("team-a",)),
        (["team-a", 7, None, ["team-b"], "", "g" * (MAX_GROUP_LENGTH + 1)], ("team-a",)),
        ({"team-a": True}, ()),
        ("", ()),
        (None, ()),
        ([], ()),
    ],
)
def test_groups_are_a_list_of_names_or_a_name(claim: object, groups: tuple[str, ...]) -> None:
    assert person_of(provider(), id_token(groups=claim), NONCE, NOW).groups == groups


def test_the_claim_of_groups_can_have_another_name() -> None:
    found = person_of(provider(groups_claim="roles"), id_token(roles=["admins"]), NONCE, NOW)
    assert found.groups == ("admins",)
