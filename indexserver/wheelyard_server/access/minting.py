"""Short-lived tokens for CI jobs, minted with a key that all replicas share."""

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import jwt
import msgspec

from wheelyard_server.access.access_file import TokenIdentity, User
from wheelyard_server.access.signed_tokens import SignedClaims
from wheelyard_server.catalog.provenance.ci_jobs import CIJob, of_claims, parse
from wheelyard_server.errors import InvalidPublisherError, UnauthenticatedError

LIFETIME = timedelta(minutes=15)
_ALGORITHM = "HS256"
_TYPE = "wheelyard+jwt"
"""The token type in the header: an issuer's token is never checked with our key, nor ours with
theirs."""

_SHOWN = ("sub", "repository", "job_workflow_ref", "project_path", "ci_config_ref_uri", "environment", "ref")
"""Claims that an error message shows. Other claims may reveal more than belongs in a CI log."""


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A minted token and its expiry."""

    token: str
    expires: datetime


class Bearer(NamedTuple):
    """The bearer of a minted token."""

    user: User
    job: CIJob | None
    """The CI job that the token was minted for; None if provenance cannot describe that kind of
    job."""


class Mint:
    """Exchanges CI tokens for tokens of this index, by the rules of one access file."""

    def __init__(self, audience: str, keys: Iterable[str], users: Iterable[User]) -> None:
        """`keys` are in URL-safe base64: the first signs, all verify. Without keys, nothing is minted.

        If several `users` trust the same job, it publishes as the first one.
        """
        self.audience = audience
        self._keys = tuple(keys)
        self._publishers = tuple((user, each) for user in users for each in user.trusted_publishers)

    @property
    def is_open(self) -> bool:
        """Return whether this index mints tokens."""
        return bool(self.audience and self._keys)

    def user_for(self, claims: SignedClaims) -> tuple[User, TokenIdentity]:
        """Return the user who publishes with these claims, and the matching trusted publisher.

        Raises `InvalidPublisherError`. A later user that names the same job does not replace an
        earlier one.
        """
        found = [(user, each) for user, each in self._publishers if claims.fit(each)]
        if not found:
            seen = ", ".join(f"{name}={claims.claims[name]!s:.200}" for name in _SHOWN if name in claims.claims)
            raise InvalidPublisherError(
                "invalid-publisher",
                f"No IndexUser of this index trusts this job. Claims of its token: iss={claims.issuer}, {seen}",
            )
        return found[0]

    def mint(self, user: User, publisher: TokenIdentity, job: SignedClaims, now: datetime) -> MintedToken:
        """Return a token with which a CI job publishes as this user; `job` holds the claims of the CI token."""
        expires = now + LIFETIME
        claims = {
            "iss": self.audience,
            "aud": self.audience,
            "sub": user.name,
            "exp": int(expires.timestamp()),
            "jti": secrets.token_urlsafe(16),
            "publisher": _fingerprint(publisher),
            "job": msgspec.to_builtins(of_claims(job.issuer, job.claims)),
        }
        return MintedToken(jwt.encode(claims, self._keys[0], _ALGORITHM, {"typ": _TYPE}), expires)

    def bearer_of(self, unverified_token: str, now: datetime) -> Bearer:
        """Return a token's bearer; raise `UnauthenticatedError`, also if its job is no longer trusted."""
        claims = self._signed(unverified_token)
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= now.timestamp():
            raise UnauthenticatedError("The token has expired: tokens of trusted publishing last 15 minutes")
        for user, publisher in self._publishers:
            if (user.name, _fingerprint(publisher)) == (claims.get("sub"), claims.get("publisher")):
                return Bearer(user, parse(claims.get("job")))
        raise UnauthenticatedError("The token is no longer valid: its job is no longer trusted")

    def _signed(self, unverified_token: str) -> dict[str, Any]:
        for key in self._keys:
            try:
                return jwt.decode(
                    unverified_token,
                    key,
                    [_ALGORITHM],
                    audience=self.audience,
                    issuer=self.audience,
                    options={"verify_exp": False, "verify_iat": False},
                )
            except jwt.PyJWTError:
                continue
        raise UnauthenticatedError("The token is no longer valid, or belongs to another index")


def is_minted(unverified_token: str) -> bool:
    """Return whether the token's header says that this index minted it."""
    try:
        return jwt.get_unverified_header(unverified_token).get("typ") == _TYPE
    except jwt.PyJWTError:
        return False


def _fingerprint(publisher: TokenIdentity) -> str:
    text = json.dumps([publisher.issuer, sorted(publisher.claims.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
