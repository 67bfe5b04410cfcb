from typing import Any

import pytest

from unit.wheelyard_operator.fakes import RSA_KEY
from wheelyard_operator.openid_provider import Provider
from wheelyard_operator.provision.issuer_answers import IssuerError
from wheelyard_operator.provision.issuers import Fetch
from wheelyard_operator.provision.providers import Providers
from wheelyard_operator.resource import Manifest

DEX = "https://dex.example.com"
DISCOVERY = f"{DEX}/.well-known/openid-configuration"
DOCUMENT = {
    "issuer": DEX,
    "authorization_endpoint": f"{DEX}/auth",
    "token_endpoint": f"{DEX}/token",
    "jwks_uri": f"{DEX}/keys",
}


class Web:
    """Answers with given pages, and keeps what it was asked with which authorities."""

    def __init__(self) -> None:
        self.pages: dict[str, Manifest] = {DISCOVERY: dict(DOCUMENT), f"{DEX}/keys": {"keys": [RSA_KEY]}}
        self.asked: list[tuple[str, str]] = []

    def __call__(self, bundle: str) -> Fetch:
        def fetch(url: str) -> Manifest:
            self.asked.append((bundle, url))
            if url not in self.pages:
                raise IssuerError(f"{url} cannot be reached")
            return self.pages[url]

        return fetch


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def providers(web: Web) -> Providers:
    return Providers(web)


def test_the_discovery_document_names_endpoints_and_keys(providers: Providers) -> None:
    assert providers.of(DEX, "") == Provider(DEX, f"{DEX}/auth", f"{DEX}/token", (RSA_KEY,))


def test_indexes_with_other_authorities_do_not_share_an_answer(providers: Providers, web: Web) -> None:
    """One index must not decide whom another trusts."""
    for bundle in ("", "one", "two", "one"):
        providers.of(DEX, bundle)
    assert web.asked == [(bundle, url) for bundle in ("", "one", "two") for url in (DISCOVERY, f"{DEX}/keys")]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "url",
    [
        None,
        ["https://dex.example.com/"],
        "",
        "http://dex.example.com/x",
        "HTTPS://dex.example.com/x",
        "https://dex.example.com/x#y",
        "https://me:secret@dex.example.com/x",
        "https://dex.example.com/x@y",
        "https://dex.example.com:0/x",
        "https://dex.example.com:65536/x",
        "https://dex.example.com/x y",
        'https://dex.example.com/"x',
        "https://dex.example.com/x\n",
        "https://dex.example.com/\u00e4",
        "https:///x",
        "https://[::1]/x",
        "https://dex.example.com/" + "x" * 2000,
        "file:///etc/passwd",
    ],
)
def test_an_endpoint_that_is_no_https_url_is_refused_by_name(
    providers: Providers, web: Web, name: str, url: Any
) -> None:
    web.pages[DISCOVERY][name] = url
    with pytest.raises(IssuerError, match=f"of https://dex.example.com has no {name} that is an https URL"):
        providers.of(DEX, "")


@pytest.mark.parametrize(
    "url",
    [
        "https://Login.example.com/common/oauth2/v2.0/authorize",
        "https://dex.example.com:65535/a_b/~c/%20?p=B2C_1&x=[y]",
        "https://dex.example.com",
    ],
)
def test_an_endpoint_may_have_a_port_a_path_and_a_query(providers: Providers, web: Web, url: str) -> None:
    web.pages[DISCOVERY] |= {"authorization_endpoint": url, "token_endpoint": url}
    found = providers.of(DEX, "")
    assert (found.authorization_endpoint, found.token_endpoint) == (url, url)


def test_a_provider_cannot_speak_for_another(providers: Providers, web: Web) -> None:
    web.pages[DISCOVERY]["issuer"] = "https://other.example.com"
    with pytest.raises(IssuerError, match="does not say that it is this issuer"):
        providers.of(DEX, "")


def test_a_provider_without_usable_keys_is_refused(providers: Providers, web: Web) -> None:
    web.pages[f"{DEX}/keys"] = {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}
    with pytest.raises(IssuerError, match="no public keys"):
        providers.of(DEX, "")
