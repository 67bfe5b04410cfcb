"""The provider of single sign-on in the sessions file: see docs/contract.md. Unknown keys are refused."""

from collections.abc import Collection
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from wheelyard_server.tls import check_authorities

MAX_GROUPS = 1000
"""Groups of a person that are looked at. An ID token of the longest length has not many more."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class MappedGroup(_Part, frozen=True):
    """A group of the provider that counts as a group of the index."""

    provider: Text
    group: Text


class OpenIdProvider(_Part, frozen=True):
    """An OpenID Connect provider, and this index as its client."""

    issuer: Text
    """The `iss` claim of its ID tokens, and the beginning of what people are called here."""
    client_id: Text
    client_secret: Text
    authorization_endpoint: Text
    """Where browsers are sent."""
    token_endpoint: Text
    """The only URL of the provider that servers ask."""
    keys: tuple[Any, ...] = ()
    """Public keys (RFC 7517), as the provider publishes them. Unusable keys are skipped."""
    scopes: tuple[Text, ...] = ("openid", "groups")
    groups_claim: Text = "groups"
    """The claim with a person's groups: a list of names, or a name."""
    groups: tuple[MappedGroup, ...] = ()
    """The groups of the provider that count. Others count for nothing."""
    ca_bundle: str = ""
    """Certificates (PEM) of authorities that are trusted in addition to the public ones."""

    def __post_init__(self) -> None:
        for name, url in (
            ("authorizationEndpoint", self.authorization_endpoint),
            ("tokenEndpoint", self.token_endpoint),
        ):
            if not _is_endpoint(url):
                raise ValueError(f"`{name}` of `oidc` must be a URL such as https://login.example.com/{name}")
        check_authorities(self.ca_bundle)

    def known_groups(self, named: Collection[str]) -> tuple[str, ...]:
        """Return which of these groups of the provider are mapped, each once, in the order of the map."""
        return tuple(dict.fromkeys(each.provider for each in self.groups if each.provider in named))

    def index_groups(self, known: Collection[str]) -> tuple[str, ...]:
        """Return the groups of the index that these groups of the provider count as, now."""
        return tuple(dict.fromkeys(each.group for each in self.groups if each.provider in known))


def _is_endpoint(url: str) -> bool:
    """Return whether this is a URL of HTTPS, or of HTTP on this machine, without a login and a fragment."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)
    return is_safe and bool(host) and port != 0 and not set("@#") & set(url) and url.isascii() and url.isprintable()
