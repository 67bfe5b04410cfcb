"""Tokens of our own for CI jobs: short-lived, and known to every replica by the key that they share."""

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
"""Told apart by the header, so that an issuer's token is never tried with our key, nor ours with theirs."""

_SHOWN = ("sub", "repository", "job_workflow_ref", "project_path", "ci_config_ref_uri", "environment", "ref")
"""Claims that help a person to see why nobody is trusted here; others may tell more than a CI log should."""


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token, and when it expires."""

    token: str
    expires: datetime


class Bearer(NamedTuple):
    """Who shows a token of ours."""

    user: User
    job: CIJob | None
    """The CI job that the token was minted for, where it is of a kind that provenance can name."""


class Mint:
    """Changes CI's tokens for ours, by the rules of one access file."""

    def __init__(self, audience: str, keys: Iterable[str], users: Iterable[User]) -> None:
        """`keys` in URL-safe base 64: the first signs, all verify. Without any, nothing is minted.

        Of several `users` that trust one job the first is who publishes.
        """
        self.audience = audience
        self._keys = tuple(keys)
        self._publishers = tuple((user, each) for user in users for each in user.trusted_publishers)

    @property
    def is_open(self) -> bool:
        """Return whether anything is minted here."""
        return bool(self.audience and self._keys)

    def user_for(self, claims: SignedClaims) -> tuple[User, TokenIdentity]:
        """Return who publishes with these claims, and by which trust; raise `InvalidPublisherError`.

        Who is trusted already stays so, whoever else names the same job.
        """
        found = [(user, each) for user, each in self._publishers if claims.fit(each)]
        if not found:
            seen = ", ".join(f"{name}={claims.claims[name]!s:.200}" for name in _SHOWN if name in claims.claims)
            raise InvalidPublisherError(
                "invalid-publisher",
                f"No IndexUser of this index trusts such a job. Its token says: iss={claims.issuer}, {seen}",
            )
        return found[0]

    def mint(self, user: User, publisher: TokenIdentity, job: SignedClaims, now: datetime) -> MintedToken:
        """Make a token with which a user's CI job publishes. `job` is what CI's own token says of it."""
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
        """Return whose token this is; raise `UnauthenticatedError`, also where the trust has ended since."""
        claims = self._signed(unverified_token)
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= now.timestamp():
            raise UnauthenticatedError("The token has expired: they are for one short job")
        for user, publisher in self._publishers:
            if (user.name, _fingerprint(publisher)) == (claims.get("sub"), claims.get("publisher")):
                return Bearer(user, parse(claims.get("job")))
        raise UnauthenticatedError("The token is not valid any more: its job is not trusted now")

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
        raise UnauthenticatedError("The token is not valid any more, or belongs to another index")


def is_minted(unverified_token: str) -> bool:
    """Return whether this says of itself that it is one of ours."""
    try:
        return jwt.get_unverified_header(unverified_token).get("typ") == _TYPE
    except jwt.PyJWTError:
        return False


def _fingerprint(publisher: TokenIdentity) -> str:
    text = json.dumps([publisher.issuer, sorted(publisher.claims.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
