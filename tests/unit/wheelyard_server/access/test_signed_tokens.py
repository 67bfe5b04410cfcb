import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import strategies as st

from support.issuers import AUDIENCE, TestIssuer
from support.properties import given
from wheelyard_server.access.access_file import Issuer, TokenIdentity, parse
from wheelyard_server.access.signed_tokens import MAX_KEYS, SignedClaims, SignedTokenVerifier, is_signed_token
from wheelyard_server.errors import UnauthenticatedError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ONE = TestIssuer("https://one.example")
TWO = TestIssuer("https://two.example", number=1)
"""With the same key id as the first."""
VERIFIER = SignedTokenVerifier(AUDIENCE, [ONE.public, TWO.public])


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_the_claims_of_an_issuer_are_returned() -> None:
    claims = VERIFIER.verify(ONE.sign(NOW, sub="me"), NOW)
    assert (claims.issuer, claims.claims["sub"]) == (ONE.url, "me")
    assert claims.expires == NOW + timedelta(minutes=10)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256"])
def test_algorithms(algorithm: str) -> None:
    issuer = TestIssuer("https://a.example", algorithm=algorithm)
    assert SignedTokenVerifier(AUDIENCE, [issuer.public]).verify(issuer.sign(NOW), NOW).issuer == issuer.url


def test_a_list_of_audiences() -> None:
    assert VERIFIER.verify(ONE.sign(NOW, aud=["other", AUDIENCE]), NOW)


def test_a_key_without_an_id_is_tried() -> None:
    nameless = Issuer(issuer=ONE.url, keys=({k: v for k, v in ONE.public.keys[0].items() if k != "kid"},))
    without_id = jwt.encode(
        jwt.decode(ONE.sign(NOW), options={"verify_signature": False}), ONE.private_key, "RS256"
    )
    assert SignedTokenVerifier(AUDIENCE, [ONE.public]).verify(without_id, NOW)
    assert SignedTokenVerifier(AUDIENCE, [nameless]).verify(without_id, NOW)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"aud": "https://kubernetes.default.svc"}, f"ask for the audience {AUDIENCE}"),
        ({"aud": None}, "audience"),
        ({"aud": AUDIENCE + "2"}, "audience"),
        ({"exp": None}, "no expiry time"),
        ({"exp": True}, "no expiry time"),
        ({"exp": 1e300}, "no expiry time"),
        ({"exp": int(NOW.timestamp()) - 10}, "expired at 2026-11-23T11:59:50Z"),
        ({"nbf": int(NOW.timestamp()) + 11}, "not valid yet"),
        ({"iat": int(NOW.timestamp()) + 11}, "not valid yet"),
        ({"iss": "https://evil.example"}, "does not trust the issuer of the token: https://evil.example"),
        ({"iss": None}, "does not trust the issuer"),
        ({"iss": TWO.url}, "signature of the token is invalid"),
    ],
)
def test_invalid_tokens_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UnauthenticatedError, match=says):
        VERIFIER.verify(ONE.sign(NOW, **changes), NOW)


def test_clocks_may_differ_a_little() -> None:
    time = int(NOW.timestamp())
    assert VERIFIER.verify(ONE.sign(NOW, exp=time - 9, nbf=time + 9, iat=time + 9), NOW)


def forged() -> dict[str, str]:
    claims = jwt.decode(ONE.sign(NOW), options={"verify_signature": False})
    public = ONE.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header, body, signature = ONE.sign(NOW).split(".")
    hmac_key = jwt.encode(claims, "k" * 44, "HS256", {"kid": "one"}).split(".")
    return {
        "no algorithm": f"{part({'alg': 'none', 'kid': 'one'})}.{body}.",
        "the public key as a secret": _hs256(claims, public),
        "a secret of one's own": ".".join(hmac_key),
        "another's key": TestIssuer(ONE.url, number=2).sign(NOW),
        "another's key of the same id": TestIssuer(ONE.url, number=1).sign(NOW),
        "an unknown key id": TestIssuer(ONE.url, key_id="two").sign(NOW),
        "another body": f"{header}.{part({**claims, 'sub': 'admin'})}.{signature}",
        "another algorithm than the key's": TestIssuer(ONE.url, algorithm="RS512").sign(NOW),
        "no parts": "eyJ",
        "damaged": f"{header}.{body[:-3]}.{signature}",
        "a list": f"{header}.{part(['x'])}.{signature}",
        "a text": f"{header}.{part('x')}.{signature}",
        "a key of its own": f"{part({'alg': 'RS256', 'jwk': {'kty': 'RSA'}})}.{body}.{signature}",
        "nothing": "",
    }


def _hs256(claims: dict[str, Any], key: bytes) -> str:
    text = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'one'})}.{part(claims)}"
    return (
        f"{text}.{base64.urlsafe_b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).rstrip(b'=').decode()}"
    )


FORGED = forged()


@pytest.mark.parametrize("name", FORGED)
def test_forgeries(name: str) -> None:
    with pytest.raises(UnauthenticatedError):
        VERIFIER.verify(FORGED[name], NOW)


GOOD_KEY: dict[str, Any] = dict(ONE.public.keys[0])
ODD_ALGORITHMS: tuple[Any, ...] = ("none", "HS256", "ES256", "", 1, [], {})
ODD_VALUES: tuple[Any, ...] = ("", "AA", None, 1, [], {}, "A" * 20_000)
BAD_KEYS: tuple[Any, ...] = (
    {},
    {"kty": "RSA"},
    {"kty": "oct", "k": "c2VjcmV0"},
    {"kty": "RSA", "n": "?", "e": "AQAB"},
    {"kty": 1},
    {"kty": ["RSA"]},
    None,
    "RSA",
    [],
    *({**GOOD_KEY, "alg": each} for each in ODD_ALGORITHMS),
    *({**GOOD_KEY, name: value} for name in ("n", "e", "kty") for value in ODD_VALUES),
    {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"},
    {"kty": "EC", "crv": [], "x": "AQ", "y": "AQ"},
    {"kty": "EC", "crv": "secp256k1", "x": "A" * 43, "y": "A" * 43},
    {"kty": "OKP", "crv": "Ed448", "x": "AQ"},
    {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
)


@pytest.mark.parametrize("bad", BAD_KEYS, ids=range(len(BAD_KEYS)))
def test_a_bad_key_does_not_shut_out_the_good_ones(bad: object) -> None:
    text = msgspec.json.encode({"audience": AUDIENCE, "issuers": [{"issuer": ONE.url, "keys": [bad, GOOD_KEY]}]})
    file = parse(text)
    assert SignedTokenVerifier(AUDIENCE, file.issuers).verify(ONE.sign(NOW), NOW)


@pytest.mark.filterwarnings("ignore:The RSA key is:jwt.warnings.InsecureKeyLengthWarning")
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3),
    st.sampled_from(sorted(GOOD_KEY)),
)
def test_whatever_an_issuer_says_of_a_key_does_not_shut_out_the_good_ones(value: object, name: str) -> None:
    issuer = Issuer(issuer=ONE.url, keys=({**GOOD_KEY, name: value}, GOOD_KEY))
    assert SignedTokenVerifier(AUDIENCE, [issuer]).verify(ONE.sign(NOW), NOW)


def test_of_many_keys_the_first_count() -> None:
    many = Issuer(issuer=ONE.url, keys=({"kty": "RSA"},) * MAX_KEYS + (GOOD_KEY,))
    with pytest.raises(UnauthenticatedError):
        SignedTokenVerifier(AUDIENCE, [many]).verify(ONE.sign(NOW), NOW)


def test_a_symmetric_key_verifies_nothing() -> None:
    secret = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"
    issuer = Issuer(issuer=ONE.url, keys=({"kty": "oct", "k": secret, "alg": "HS256", "kid": "one"},))
    claims = jwt.decode(ONE.sign(NOW), options={"verify_signature": False})
    with pytest.raises(UnauthenticatedError):
        SignedTokenVerifier(AUDIENCE, [issuer]).verify(_hs256(claims, base64.urlsafe_b64decode(secret + "=")), NOW)


def test_without_an_audience_no_token_is_accepted() -> None:
    with pytest.raises(UnauthenticatedError):
        SignedTokenVerifier("", [ONE.public]).verify(ONE.sign(NOW, aud=""), NOW)


@pytest.mark.parametrize(
    ("value", "wanted", "fits"),
    [
        ("acme/app", "acme/app", True),
        ("acme/app2", "acme/app", False),
        ("acme/app.yml@refs/heads/main", "acme/app.yml@*", True),
        ("acme/app.yml", "acme/app.yml@*", False),
        ("*", "acme", False),
        ("acme", "a*e", False),
        (["acme"], "acme", False),
        (True, "True", False),
        (None, "None", False),
    ],
)
def test_claims_that_an_identity_asks_for(value: Any, wanted: str, *, fits: bool) -> None:
    identity = TokenIdentity(issuer=ONE.url, claims={"repository": wanted, "sub": "me"})
    assert SignedClaims(ONE.url, {"repository": value, "sub": "me"}).fit(identity) is fits
    assert not SignedClaims(TWO.url, {"repository": value, "sub": "me"}).fit(identity)
    assert not SignedClaims(ONE.url, {"repository": value}).fit(identity)


@pytest.mark.parametrize(
    ("text", "looks_so"),
    [
        ("eyJhbGciOiJub25lIn0.e30.c2ln", True),
        ("wy_x.y.z", False),
        ("eyJh.e30.", False),
        ("eyJh.e30", False),
        ("eyJh.e30.x\n", False),
        ("eyJ" + "a" * 20_000 + ".e30.x", False),
    ],
)
def test_only_text_in_jwt_form_is_a_signed_token(text: str, *, looks_so: bool) -> None:
    assert is_signed_token(text) is looks_so
