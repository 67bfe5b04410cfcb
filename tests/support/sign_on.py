"""A provider of single sign-on as the sessions file describes it, and its ID tokens."""

from datetime import UTC, datetime
from typing import Any

from support.issuers import TestIssuer
from wheelyard_server.access.open_id_provider import MappedGroup, OpenIdProvider
from wheelyard_server.openid import Client, CodeGrant

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ISSUER = "https://login.example.com"
CLIENT = "wheelyard"
NONCE = "n" * 43
PROVIDER = TestIssuer(ISSUER, 3, audience=CLIENT, claims={"sub": "alice", "nonce": NONCE, "groups": ["team-a"]})
"""It signs ID tokens."""


def provider(**changes: Any) -> OpenIdProvider:
    """Return its settings, with these changes."""
    settings: dict[str, Any] = {
        "issuer": ISSUER,
        "client_id": CLIENT,
        "client_secret": "a secret: with + and %",
        "authorization_endpoint": f"{ISSUER}/auth",
        "token_endpoint": f"{ISSUER}/token",
        "keys": PROVIDER.public.keys,
        "groups": (MappedGroup(provider="team-a", group="platform"),),
    }
    return OpenIdProvider(**settings | changes)


def id_token(**changes: Any) -> str:
    """Return an ID token with these claims; None removes one."""
    return PROVIDER.sign(NOW, **changes)


class Endpoint:
    """A token endpoint that exchanges each code for an ID token with the claims that a test wants."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.asked: list[tuple[Client, CodeGrant, str]] = []
        self.nonce = ""
        self.error: Exception | None = None

    async def id_token(self, client: Client, grant: CodeGrant, address: str) -> str:
        """See `TokenEndpoint.id_token`."""
        self.asked.append((client, grant, address))
        if self.error is not None:
            raise self.error
        return id_token(**{"nonce": self.nonce, **self.claims})
