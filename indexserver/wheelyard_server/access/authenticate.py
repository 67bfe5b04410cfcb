"""Find out who is asking: from an Authorization header to a principal."""

import base64
from dataclasses import replace

from wheelyard_server.access import tokens
from wheelyard_server.access.rules import ANONYMOUS, Method, Principal, Rules
from wheelyard_server.errors import UnauthenticatedError

TOKEN_USER = "__token__"  # noqa: S105 - the name that PyPI's clients send beside any token


def authenticate(authorization: str | None, rules: Rules) -> Principal:
    """Return the principal of a request; without the header it is anonymous.

    Takes `Basic user:token`, `Basic __token__:token` (RFC 7617) and `Bearer token` (RFC 6750). Raises
    `UnauthenticatedError` for credentials that are not valid, also where anonymous could do the same.
    """
    if authorization is None:
        return ANONYMOUS
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return _by_token(credentials.strip(), rules)
    if scheme.lower() == "basic":
        user, token = _basic(credentials.strip())
        principal = _by_token(token, rules)
        if user not in (TOKEN_USER, principal.name):
            raise UnauthenticatedError("The user name and the token do not belong together", Method.TOKEN)
        return principal
    raise UnauthenticatedError("Log in with a user name and a token, or with a Bearer token")


def _basic(credentials: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:  # Not base64, not ASCII, not UTF-8: all of them are.
        raise UnauthenticatedError("The Authorization header is not valid") from None
    return user, password


def _by_token(unverified_token: str, rules: Rules) -> Principal:
    if not tokens.is_well_formed(unverified_token):
        raise UnauthenticatedError("The password is not a token of this index; it starts with wy_")
    # A look-up by digest takes no time that tells anything about the token.
    principal = rules.principals_by_token.get(tokens.digest(unverified_token))
    if principal is None:
        raise UnauthenticatedError("The token is not valid any more, or belongs to another index", Method.TOKEN)
    return replace(principal, method=Method.TOKEN)
