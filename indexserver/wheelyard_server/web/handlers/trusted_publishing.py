"""`/_/oidc/`: CI jobs change the token that their CI has signed for a short-lived one of this index.

The two requests are those of PyPI (https://docs.pypi.org/trusted-publishers/internals/), which uv and the publish
action of PyPI speak with any index.
"""

from datetime import UTC, datetime, timedelta

import msgspec
from aiohttp import web

from wheelyard_server.access.accepted_users import AcceptedUsers, principal_of
from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.access.minting import MintedToken
from wheelyard_server.access.rules import Method
from wheelyard_server.access.signed_tokens import MAX_TOKEN_LENGTH, SignedClaims, is_signed_token
from wheelyard_server.errors import InvalidPublisherError, NotFoundError, UnauthenticatedError
from wheelyard_server.web.context import ACCESS, CATALOG, RECORD
from wheelyard_server.web.http.problem_details import problem

MAX_BODY_BYTES = MAX_TOKEN_LENGTH + 1024
_MAX_LIFE = timedelta(days=1)
"""Of a token of CI. That it was used must be remembered for so long."""


class _Body(msgspec.Struct):
    token: str


async def audience(request: web.Request) -> web.Response:
    """Tell for whom CI has to sign."""
    return web.json_response({"audience": _open_logins(request).mint.audience})


async def mint(request: web.Request) -> web.Response:
    """Change a token."""
    record = request[RECORD]
    record.verb, record.method = AuditVerb.MINT, Method.TRUSTED_PUBLISHER
    accepted_users, now = _open_logins(request), datetime.now(UTC)
    try:
        minted = await _mint(request, accepted_users, now)
    except (InvalidPublisherError, UnauthenticatedError) as error:
        code = error.code if isinstance(error, InvalidPublisherError) else "invalid-token"
        # What is not verified may have half of a surrogate pair, which no JSON of ours can.
        reason = str(error).encode(errors="replace").decode()
        record.reason = f"{code}: {reason}"
        errors = [{"code": code, "description": reason}]
        return problem(422, reason, more={"message": "Token request failed", "errors": errors})
    return web.json_response(
        {"success": True, "token": minted.token, "expires": int(minted.expires.timestamp())},
        headers={"Cache-Control": "no-store"},
    )


async def _mint(request: web.Request, accepted_users: AcceptedUsers, now: datetime) -> MintedToken:
    unverified_token = await _token(request)
    claims = accepted_users.verifier.verify(unverified_token, now)
    user, publisher = accepted_users.mint.user_for(claims)
    await _use_once(request, unverified_token, claims, now)
    request[RECORD].principal = principal_of(user, Method.TRUSTED_PUBLISHER)
    return accepted_users.mint.mint(user, publisher, claims, now)


def _open_logins(request: web.Request) -> AcceptedUsers:
    accepted_users = request.app[ACCESS].access.accepted_users
    if not accepted_users.mint.is_open:
        raise NotFoundError("No IndexUser of this index has trustedPublishers")
    return accepted_users


async def _token(request: web.Request) -> str:
    if (request.content_length or MAX_BODY_BYTES) > MAX_BODY_BYTES:
        raise InvalidPublisherError("invalid-payload", "The body is too large for a token, or has no length")
    try:
        token = msgspec.json.decode(await request.read(), type=_Body).token
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise InvalidPublisherError("invalid-payload", 'Send a JSON object {"token": "..."}') from None
    if not is_signed_token(token):
        raise InvalidPublisherError("invalid-token", "The token is none that a CI has signed")
    return token


async def _use_once(request: web.Request, token: str, claims: SignedClaims, now: datetime) -> None:
    if claims.expires > now + _MAX_LIFE:
        raise InvalidPublisherError("invalid-token", "The token is valid for too long: at most a day")
    # Without an id of its own, the token is its id. One signature has several spellings: the last part is left out.
    identity = claims.claims.get("jti") or token.rpartition(".")[0]
    if not await request.app[CATALOG].use_once(f"{claims.issuer} {identity}", claims.expires):
        raise InvalidPublisherError("invalid-reuse-token", "The token was used before: ask CI for a new one")
