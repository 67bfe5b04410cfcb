"""Issuers of signed tokens, with keys of their own."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from wheelyard_server.access.access_file import Issuer

AUDIENCE = "wheelyard.dev/packages/main"


@cache
def _key(_number: int) -> rsa.RSAPrivateKey:
    """Return a key; making one takes a while."""
    return rsa.generate_private_key(65537, 2048)


@dataclass(frozen=True)
class TestIssuer:
    """Signs any claims."""

    __test__ = False
    url: str
    number: int = 0
    key_id: str = "one"
    algorithm: str = "RS256"
    audience: str = AUDIENCE
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def private_key(self) -> rsa.RSAPrivateKey:
        return _key(self.number)

    @property
    def public(self) -> Issuer:
        """What an access file has of it."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.private_key.public_key()))
        return Issuer(issuer=self.url, keys=({**key, "kid": self.key_id, "alg": self.algorithm, "use": "sig"},))

    def sign(self, now: datetime | None = None, **changes: Any) -> str:
        """Return a token with these claims; None removes one."""
        time = int((now or datetime.now(UTC)).timestamp())
        claims = {
            "iss": self.url,
            "aud": self.audience,
            "iat": time,
            "nbf": time,
            "exp": time + 600,
            "jti": secrets.token_hex(8),
            **self.claims,
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.private_key, self.algorithm, {"kid": self.key_id})
