"""The provider of single sign-on in the sessions file."""

from typing import Any

import msgspec
import pytest

from support.sign_on import provider
from wheelyard_server.access.open_id_provider import MappedGroup, OpenIdProvider

FILE = {
    "issuer": "https://login.example.com",
    "clientId": "wheelyard",
    "clientSecret": "secret",
    "authorizationEndpoint": "https://login.example.com/auth?tenant=a",
    "tokenEndpoint": "https://login.example.com:8443/token",
    "keys": [{"kty": "RSA"}],
    "scopes": ["openid", "groups"],
    "groupsClaim": "groups",
    "groups": [{"provider": "team-a", "group": "platform"}],
    "caBundle": "",
}


def read(**changes: Any) -> OpenIdProvider:
    return msgspec.convert(FILE | changes, OpenIdProvider)


def test_the_section_of_the_contract_is_read() -> None:
    found = read()
    assert found.client_id == "wheelyard"
    assert found.groups == (MappedGroup(provider="team-a", group="platform"),)


@pytest.mark.parametrize("name", ["issuer", "clientId", "clientSecret", "authorizationEndpoint", "tokenEndpoint"])
def test_what_a_login_needs_must_be_there(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        read(**{name: ""})


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="userinfoEndpoint"):
        read(userinfoEndpoint="https://login.example.com/userinfo")


@pytest.mark.parametrize("name", ["authorizationEndpoint", "tokenEndpoint"])
@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com/token",
        "javascript:alert(1)",
        "https:///token",
        "https://user@login.example.com/token",
        "https://login.example.com/token#fragment",
        "https://login.example.com:0/token",
        "https://login.example.com:99999/token",
        "https://[login.example.com/token",
        "https://login.example.com/to\nken",
        "http://localhost.example.com/token",
    ],
)
def test_an_endpoint_must_be_at_https(name: str, url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"`{name}` of `oidc` must be a URL such as https://"):
        read(**{name: url})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_provider_on_this_machine_may_be_at_http(host: str) -> None:
    assert read(tokenEndpoint=f"http://{host}:5556/dex/token").token_endpoint


def test_certificates_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="`caBundle` must be certificates in PEM"):
        read(caBundle="none")


def test_only_mapped_groups_count() -> None:
    mapped = (
        MappedGroup(provider="team-a", group="platform"),
        MappedGroup(provider="team-a", group="readers"),
        MappedGroup(provider="team-b", group="readers"),
    )
    known = provider(groups=mapped).known_groups(["admins", "team-b", "team-a", "platform"])
    assert known == ("team-a", "team-b")
    assert provider(groups=mapped).index_groups(known) == ("platform", "readers")
    assert provider(groups=mapped[2:]).index_groups(known) == ("readers",)
    assert provider(groups=()).index_groups(known) == ()
