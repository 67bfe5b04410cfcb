"""What index servers must know of an OpenID Connect provider for single sign-on."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Provider:
    """A provider, from its discovery document (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    """The URL that browsers are sent to."""
    token_endpoint: str
    """The URL that index servers ask."""
    keys: tuple[dict[str, Any], ...]
    """The public keys (RFC 7517) that verify its ID tokens."""
