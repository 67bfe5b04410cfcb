"""Logins on their way through the provider: what a browser keeps meanwhile, in a signed cookie."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import jwt

LIFETIME = timedelta(minutes=10)
"""For a person who looks for a password or a second factor."""
_TYPE = "wheelyard-login+jwt"
_ALGORITHM = "HS256"
_STATE_LENGTH = 43


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login that a browser began. All of it is random, or was known to the browser before."""

    issuer: str
    """The provider that the browser was sent to: no other may answer (RFC 9700, section 4.4)."""
    redirect_uri: str
    next: str
    """The path of this index where the person wanted to go."""
    is_silent: bool
    """Whether the provider must show nothing."""
    state: str
    """Proves that the answer belongs to a login that this browser began."""
    nonce: str
    """Proves that the ID token was made for this login."""
    verifier: str
    """Proves that this index began the login that a code is for (PKCE, RFC 7636)."""

    @classmethod
    def begin(cls, issuer: str, redirect_uri: str, next_path: str, *, is_silent: bool) -> Self:
        """Return a new login."""
        return cls(issuer, redirect_uri, next_path, is_silent, *(secrets.token_urlsafe(32) for _ in range(3)))

    @property
    def challenge(self) -> str:
        """Return the S256 challenge of the verifier (RFC 7636, section 4.2)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_state(text: str) -> bool:
    """Return whether this has the form of a state: it then is part of the name of a cookie."""
    return len(text) == _STATE_LENGTH and text.isascii() and text.replace("-", "a").replace("_", "a").isalnum()


def signed(login: PendingLogin, keys: Sequence[str], now: datetime) -> str:
    """Return a login as the value of a cookie; the first of the session keys signs it."""
    claims = {**asdict(login), "exp": int((now + LIFETIME).timestamp())}
    return jwt.encode(claims, _derived(keys[0]), _ALGORITHM, {"typ": _TYPE})


def verified(cookie: str, keys: Sequence[str], now: datetime) -> PendingLogin | None:
    """Return the login of a cookie; None if no key has signed it, or if it is too old."""
    for key in keys:
        claims = _claims(cookie, key)
        if claims is not None:
            return None if claims.pop("exp") <= now.timestamp() else PendingLogin(**claims)
    return None


def _claims(cookie: str, key: str) -> dict[str, Any] | None:
    options: Any = dict.fromkeys(("verify_exp", "verify_iss", "verify_aud"), False)
    try:
        found = jwt.decode_complete(cookie, _derived(key), [_ALGORITHM], options=options)
    except jwt.PyJWTError:
        return None
    return dict(found["payload"]) if found["header"].get("typ") == _TYPE else None


def _derived(key: str) -> bytes:
    """Return the key of these cookies alone: what it signs never counts as a session."""
    return hmac.digest(base64.urlsafe_b64decode(key + "=="), b"wheelyard single sign-on", "sha256")
