"""The form of the management API: an operation says all about itself, once.

From the same table come the routes (here) and the OpenAPI document (`openapi.py`), so they cannot differ.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import hdrs, web

from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.web.context import RECORD, guarded_catalog
from wheelyard_server.web.http.expect_continue import go_ahead, wait

BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation, its parts checked."""

    catalog: GuardedCatalog
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    """Of the operation's `body` type; None where it takes none."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What can be done by one method on one path."""

    method: str
    path: str
    summary: str
    handler: Callable[[Call], Awaitable[msgspec.Struct]]
    answer: type[msgspec.Struct]
    body: type[msgspec.Struct] | None = None
    query: Mapping[str, str] | None = None
    """Names of query parameters and what they are for."""

    @property
    def id(self) -> str:
        """The operation's name."""
        return self.handler.__name__

    @property
    def verb(self) -> AuditVerb:
        """What the audit log calls it."""
        return AuditVerb.READ if self.method == hdrs.METH_GET else AuditVerb(self.id.removeprefix("set_"))


def route(operation: Operation) -> web.RouteDef:
    """Return the route that serves an operation."""
    verb = operation.verb

    async def serve(request: web.Request) -> web.Response:
        request[RECORD].verb = verb
        catalog = await guarded_catalog(request)
        body = None if operation.body is None else await _body(request, operation.body)
        result = await operation.handler(Call(catalog, request.match_info, request.query, body))
        return web.Response(body=msgspec.json.encode(result), content_type="application/json")

    return web.route(operation.method, operation.path, serve, expect_handler=wait)


async def _body(request: web.Request, wanted: type[msgspec.Struct]) -> msgspec.Struct:
    # Only JSON: no form of another site's page can send that, whatever a browser adds to it.
    if request.content_type != "application/json" or hdrs.CONTENT_ENCODING in request.headers:
        raise web.HTTPUnsupportedMediaType(text="Send application/json, not compressed\n")
    await go_ahead(request)
    text = await request.content.read(BODY_BYTES + 1)
    while len(text) <= BODY_BYTES and (more := await request.content.read(BODY_BYTES + 1)):
        text += more
    if len(text) > BODY_BYTES:
        raise InvalidRequestError(f"The body is larger than {BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(text, type=wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"The body is not as described: {error}") from None
