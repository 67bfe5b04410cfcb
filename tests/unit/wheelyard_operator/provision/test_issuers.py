from typing import Any

import pytest

from unit.wheelyard_operator.fakes import CLUSTER_ISSUER, RSA_KEY, FakeKube
from wheelyard_operator.provision.issuer_answers import IssuerError
from wheelyard_operator.provision.issuers import Issuers, from_cluster, public_keys
from wheelyard_operator.resource import Manifest

ISSUER = "https://issuer.example"


class Web:
    """Answers with given pages, and counts requests."""

    def __init__(self) -> None:
        self.pages: dict[str, Manifest] = {
            f"{ISSUER}/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": "https://keys.example"},
            "https://keys.example": {"keys": [RSA_KEY]},
        }
        self.asked: list[str] = []
        self.seconds = 0.0

    def __call__(self, url: str) -> Manifest:
        self.asked.append(url)
        if url not in self.pages:
            raise IssuerError(f"{url} cannot be reached")
        return self.pages[url]


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def issuers(web: Web) -> Issuers:
    return Issuers(web, from_cluster(FakeKube()), lambda: web.seconds)


def test_keys_are_found_by_the_issuers_own_word(issuers: Issuers) -> None:
    assert issuers.of_web(ISSUER).keys == (RSA_KEY,)


def test_the_clusters_issuer_and_keys_are_read(issuers: Issuers) -> None:
    assert (issuers.of_cluster().name, issuers.of_cluster().keys) == (CLUSTER_ISSUER, (RSA_KEY,))


def test_the_issuer_is_asked_rarely(issuers: Issuers, web: Web) -> None:
    for _ in range(100):
        issuers.of_web(ISSUER)
    assert len(web.asked) == 2
    web.seconds = 121
    issuers.of_web(ISSUER)
    assert len(web.asked) == 4


def test_a_failure_is_remembered_for_a_moment(issuers: Issuers, web: Web) -> None:
    for _ in range(100):
        with pytest.raises(IssuerError, match="cannot be reached"):
            issuers.of_web("https://gone.example")
    assert len(web.asked) == 1
    web.seconds = 31
    with pytest.raises(IssuerError):
        issuers.of_web("https://gone.example")
    assert len(web.asked) == 2


def test_an_issuer_cannot_speak_for_another(issuers: Issuers, web: Web) -> None:
    web.pages[f"{ISSUER}/.well-known/openid-configuration"] = {"issuer": "https://other.example"}
    with pytest.raises(IssuerError, match="does not say that it is this issuer"):
        issuers.of_web(ISSUER)


@pytest.mark.parametrize(
    "key_set", [{}, {"keys": []}, {"keys": "x"}, {"keys": ["x", {"kty": "oct", "k": "c2VjcmV0"}]}]
)
def test_keys_that_cannot_verify_are_refused(key_set: dict[str, Any]) -> None:
    with pytest.raises(IssuerError, match="no public keys"):
        public_keys(key_set)


def test_only_what_verifies_is_kept_of_a_key() -> None:
    long = {**RSA_KEY, "x5c": ["MII..."], "d": "private!"}
    assert public_keys({"keys": [long, {**RSA_KEY, "kid": "two", "use": "enc"}]}) == (RSA_KEY,)


EC_KEY = {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AQAB", "y": "AQAB"}
ED_KEY = {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": "AQAB", "alg": "EdDSA"}


@pytest.mark.parametrize(
    "odd",
    [
        {**RSA_KEY, "alg": "none"},
        {**RSA_KEY, "alg": "HS256"},
        {**RSA_KEY, "alg": ""},
        {**RSA_KEY, "n": ""},
        {**RSA_KEY, "n": "not base64!"},
        {**RSA_KEY, "n": "A" * 1367},
        {**RSA_KEY, "e": 65537},
        {**RSA_KEY, "kid": "k" * 501},
        {**RSA_KEY, "crv": "P-256"},
        {"kty": "RSA"},
        {**EC_KEY, "crv": "secp256k1"},
        {**EC_KEY, "alg": "RS256"},
        {**EC_KEY, "y": "="},
        {**ED_KEY, "crv": "X25519"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": ["RSA"]},
        ["kty"],
        None,
    ],
)
def test_an_odd_key_is_dropped_and_the_others_stay(odd: Any) -> None:
    assert public_keys({"keys": [odd, EC_KEY, RSA_KEY, ED_KEY]}) == (EC_KEY, ED_KEY, RSA_KEY)


@pytest.mark.parametrize("error", [RecursionError("deep"), UnicodeError("host"), KeyError("x")])
def test_an_unexpected_issuer_error_is_counted_and_stops_nothing(web: Web, error: Exception) -> None:
    failures: list[None] = []

    def fetch(_url: str) -> Manifest:
        raise error

    issuers = Issuers(fetch, from_cluster(FakeKube()), lambda: web.seconds, lambda: failures.append(None))
    for _ in range(3):
        with pytest.raises(IssuerError):
            issuers.of_web(ISSUER)
    assert len(failures) == 1
    assert issuers.of_cluster().keys == (RSA_KEY,)


def test_a_cluster_that_hides_its_issuer_is_an_error(web: Web) -> None:
    kube = FakeKube()
    kube.documents = None
    with pytest.raises(IssuerError, match="forbidden"):
        Issuers(web, from_cluster(kube)).of_cluster()
