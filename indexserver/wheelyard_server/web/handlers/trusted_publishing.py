"""`/_/oidc/`: CI jobs exchange their CI's signed token for a short-lived token of this index.

The two requests are PyPI's (https://docs.pypi.org/trusted-publishers/internals/). uv and PyPI's
publish action send them to any index.
"""

import msgspec
from aiohttp import web

from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.access.minting import MintedToken
from wheelyard_server.access.rules import Method
from wheelyard_server.access.token_exchange import MAX_BODY_BYTES, TokenExchange
from wheelyard_server.errors import InvalidPublisherError
from wheelyard_server.web.context import RECORD
from wheelyard_server.web.error_statuses import status_of
from wheelyard_server.web.http.problem_details import problem

TOKEN_EXCHANGE = web.AppKey("token_exchange", TokenExchange)


class _Body(msgspec.Struct):
    token: str


async def audience(request: web.Request) -> web.Response:
    """Answer with the audience that CI tokens must be signed for."""
    return web.json_response({"audience": request.app[TOKEN_EXCHANGE].audience()})


async def mint(request: web.Request) -> web.Response:
    """Exchange a token."""
    record, exchange = request[RECORD], request.app[TOKEN_EXCHANGE]
    record.verb, record.method = AuditVerb.MINT, Method.TRUSTED_PUBLISHER
    exchange.require_open()
    try:
        minted = await exchange.exchange(await _read_token(request), record)
    except InvalidPublisherError as error:
        # An unverified token may contain half of a surrogate pair, which JSON cannot encode.
        reason = str(error).encode(errors="replace").decode()
        record.reason = f"{error.code}: {reason}"
        return _refusal(status_of(error), error.code, reason)
    return _success(minted)


def _success(minted: MintedToken) -> web.Response:
    return web.json_response(
        {"success": True, "token": minted.token, "expires": int(minted.expires.timestamp())},
        headers={"Cache-Control": "no-store"},
    )


def _refusal(status: int, code: str, reason: str) -> web.Response:
    errors = [{"code": code, "description": reason}]
    return problem(status, reason, more={"message": "Token request failed", "errors": errors})


async def _read_token(request: web.Request) -> str:
    if (request.content_length or MAX_BODY_BYTES) > MAX_BODY_BYTES:
        raise InvalidPublisherError("invalid-payload", "The body is too large for a token, or has no length")
    try:
        return msgspec.json.decode(await request.read(), type=_Body).token
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise InvalidPublisherError("invalid-payload", 'Send a JSON object {"token": "..."}') from None
