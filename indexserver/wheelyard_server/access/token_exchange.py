"""Trusted publishing: a CI job's signed token is exchanged for a short-lived token of this index."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from wheelyard_server.access.accepted_users import AcceptedUsers, principal_of
from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.minting import MintedToken
from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.access.rules import Method
from wheelyard_server.access.signed_tokens import MAX_TOKEN_LENGTH, SignedClaims, is_signed_token
from wheelyard_server.errors import InvalidPublisherError, NotFoundError, UnauthenticatedError

MAX_BODY_BYTES = MAX_TOKEN_LENGTH + 1024
"""A token in a JSON object."""
MAX_LIFETIME = timedelta(days=1)
"""The longest life of a CI token: its use must be remembered for as long."""

UseOnce = Callable[[str, datetime], Awaitable[bool]]
"""Returns whether this is the first use of a thing, which is remembered until the given time."""


class TokenExchange:
    """Exchanges tokens by the access file that is in force."""

    def __init__(self, access: CurrentAccess, use_once: UseOnce) -> None:
        self._access = access
        self._use_once = use_once

    def require_open(self) -> None:
        """Raise `NotFoundError` if no user trusts any CI job."""
        self._accepted_users()

    def audience(self) -> str:
        """Return the audience that CI tokens must be signed for.

        Raises `NotFoundError` if no user trusts any CI job.
        """
        return self._accepted_users().mint.audience

    async def exchange(self, unverified_token: str, record: AuditRecord) -> MintedToken:
        """Return a token for the CI job that this token names, and note in the record whose it is.

        Raises `NotFoundError` if no user trusts any CI job, and `InvalidPublisherError` for a token
        that is not valid or cannot be exchanged.
        """
        accepted_users, now = self._accepted_users(), datetime.now(UTC)
        claims = _verified(unverified_token, accepted_users, now)
        user, publisher = accepted_users.mint.user_for(claims)
        await self._use(unverified_token, claims, now)
        record.principal = principal_of(user, Method.TRUSTED_PUBLISHER)
        return accepted_users.mint.mint(user, publisher, claims, now)

    def _accepted_users(self) -> AcceptedUsers:
        accepted_users = self._access.access.accepted_users
        if not accepted_users.mint.is_open:
            raise NotFoundError("No IndexUser of this index has trustedPublishers")
        return accepted_users

    async def _use(self, token: str, claims: SignedClaims, now: datetime) -> None:
        if claims.expires > now + MAX_LIFETIME:
            raise InvalidPublisherError(
                "invalid-token", "The token is valid for too long: at most one day is allowed"
            )
        # A token without a `jti` is its own id. One signature has several spellings, so the last
        # part is left out.
        token_id = claims.claims.get("jti") or token.rpartition(".")[0]
        if not await self._use_once(f"{claims.issuer} {token_id}", claims.expires):
            raise InvalidPublisherError(
                "invalid-reuse-token", "The token was already used: request a new one from CI"
            )


def _verified(unverified_token: str, accepted_users: AcceptedUsers, now: datetime) -> SignedClaims:
    if not is_signed_token(unverified_token):
        raise InvalidPublisherError("invalid-token", "This is not a signed CI token")
    try:
        return accepted_users.verifier.verify(unverified_token, now)
    except UnauthenticatedError as error:
        raise InvalidPublisherError("invalid-token", str(error)) from error
