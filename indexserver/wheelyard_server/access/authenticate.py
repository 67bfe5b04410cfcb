"""Authentication: from an Authorization header to a principal."""

import base64
from dataclasses import dataclass, replace
from datetime import datetime

from wheelyard_server.access import tokens
from wheelyard_server.access.accepted_users import AcceptedUsers, principal_of
from wheelyard_server.access.access_file import User
from wheelyard_server.access.minting import is_minted
from wheelyard_server.access.passwords import PasswordChecker
from wheelyard_server.access.rules import ANONYMOUS, Method, Principal
from wheelyard_server.access.signed_tokens import is_signed_token
from wheelyard_server.errors import LoginError, UnauthenticatedError

TOKEN_USER = "__token__"  # noqa: S105 - the user name that PyPI's clients send with any token

MAX_WORKLOAD_LENGTH = 256
"""Maximum number of characters of a token's subject that are kept. That of a ServiceAccount is shorter."""


@dataclass(frozen=True, slots=True)
class PresentedCredentials:
    """The credentials of a request, before they are checked."""

    authorization: str | None
    """The Authorization header."""
    address: str
    at: datetime
    """When the request arrived: a token that expires during its upload is still valid."""


@dataclass(frozen=True, slots=True)
class _ParsedCredentials:
    user: str | None
    """None if there is only a token, which identifies its user."""
    secret: str
    other_secrets: tuple[str, ...] = ()
    """The secret's bytes, decoded in other encodings."""

    @property
    def method(self) -> Method:
        """Return the kind of credentials, judged by the shape of the secret."""
        if is_signed_token(self.secret):
            return Method.TRUSTED_PUBLISHER if is_minted(self.secret) else Method.SERVICE_ACCOUNT
        if self.user is None or self.secret.startswith(tokens.PREFIX):
            return Method.TOKEN
        return Method.PASSWORD

    def check_name(self, name: str | None) -> None:
        if self.user not in (None, name):
            raise UnauthenticatedError("The user name does not belong to the token")


async def authenticate(
    presented: PresentedCredentials, accepted_users: AcceptedUsers, passwords: PasswordChecker
) -> Principal:
    """Return the principal of a request; anonymous without an Authorization header.

    Accepts `Basic user:secret` and `Basic __token__:token` (RFC 7617), and `Bearer token` (RFC
    6750). A secret is a token of this index, a signed token (JWT) of a ServiceAccount or of a CI
    job, or a password.

    Raises `UnauthenticatedError` for invalid credentials, even if anonymous could do the same, and
    for passwords also `TooManyAttemptsError` and `BusyError`.
    """
    if presented.authorization is None:
        return ANONYMOUS
    parsed = _parse(presented.authorization)
    try:
        match parsed.method:
            case Method.TOKEN:
                return _by_token(parsed, accepted_users)
            case Method.TRUSTED_PUBLISHER:
                return _by_minted_token(parsed, accepted_users, presented.at)
            case Method.SERVICE_ACCOUNT:
                return _by_signed_token(parsed, accepted_users, presented.at)
            case _:
                return await _by_password(parsed, accepted_users, passwords, presented.address)
    except LoginError as error:
        error.tried, error.presented_user = parsed.method, parsed.user or ""
        raise


def authenticate_without_waiting(authorization: str | None, accepted_users: AcceptedUsers) -> Principal | None:
    """Return what `authenticate` does for anonymous and index tokens; None for other credentials.

    Raises `UnauthenticatedError` for credentials that are not valid.
    """
    if authorization is None:
        return ANONYMOUS
    parsed = _parse(authorization)
    return _by_token(parsed, accepted_users) if parsed.method is Method.TOKEN else None


def _parse(authorization: str) -> _ParsedCredentials:
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return _ParsedCredentials(None, credentials.strip())
    if scheme.lower() == "basic":
        return _basic(credentials.strip())
    raise UnauthenticatedError("Log in with a user name and a token, or with a Bearer token")


def _basic(credentials: str) -> _ParsedCredentials:
    try:
        user, _, password = base64.b64decode(credentials, validate=True).partition(b":")
    except ValueError:  # It is not base64, or not ASCII.
        raise UnauthenticatedError("The Authorization header is not valid") from None
    (name, *_), (secret, *others) = _readings(user), _readings(password)
    return _ParsedCredentials(None if name == TOKEN_USER else name, secret, tuple(others))


def _readings(text: bytes) -> tuple[str, ...]:
    """Return the possible readings of a text, whose encoding RFC 7617 leaves open.

    uv and browsers send UTF-8, pip and twine ISO 8859-1.
    """
    latin = text.decode("latin-1")
    try:
        return tuple(dict.fromkeys((text.decode(), latin)))
    except UnicodeDecodeError:
        return (latin,)


def _by_token(parsed: _ParsedCredentials, accepted_users: AcceptedUsers) -> Principal:
    if not tokens.is_well_formed(parsed.secret):
        raise UnauthenticatedError("Not a valid token: tokens of this index start with wy_ and end with a checksum")
    # The duration of a lookup by digest reveals nothing about the token.
    found = accepted_users.by_token.get(tokens.digest(parsed.secret))
    if found is None:
        raise UnauthenticatedError("The token is no longer valid, or belongs to another index")
    parsed.check_name(found.name)
    return found


def _by_minted_token(parsed: _ParsedCredentials, accepted_users: AcceptedUsers, now: datetime) -> Principal:
    bearer = accepted_users.mint.bearer_of(parsed.secret, now)
    parsed.check_name(bearer.user.name)
    return replace(principal_of(bearer.user, Method.TRUSTED_PUBLISHER), job=bearer.job)


def _by_signed_token(parsed: _ParsedCredentials, accepted_users: AcceptedUsers, now: datetime) -> Principal:
    claims = accepted_users.verifier.verify(parsed.secret, now)
    subject = claims.claims.get("sub")
    user = _named(parsed, accepted_users.by_claims(claims), subject)
    return replace(principal_of(user, Method.SERVICE_ACCOUNT), workload=str(subject)[:MAX_WORKLOAD_LENGTH])


def _named(parsed: _ParsedCredentials, users: tuple[User, ...], subject: object) -> User:
    """Return the user with the given name among those that the token may log in as."""
    if not users:
        raise UnauthenticatedError(f"No IndexUser of this index has {str(subject)[:200]} among its serviceAccounts")
    named = next((user for user in users if parsed.user in (None, user.name)), None)
    if named is None:
        names = ", ".join(user.name for user in users)
        raise UnauthenticatedError(f"The token belongs to another user name: {names}")
    return named


async def _by_password(
    parsed: _ParsedCredentials, accepted_users: AcceptedUsers, passwords: PasswordChecker, address: str
) -> Principal:
    user = accepted_users.by_name.get(parsed.user or "")
    stored = accepted_users.passwords.get(parsed.user or "", ())
    right = await passwords.check(parsed.user or "", (parsed.secret, *parsed.other_secrets), stored, address)
    if user is None or not right:
        raise UnauthenticatedError("Wrong user name or password, or not a valid token")
    return principal_of(user, Method.PASSWORD)
