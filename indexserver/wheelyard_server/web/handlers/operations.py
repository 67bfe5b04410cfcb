"""How operations of the management API are described and served.

The routes (here) and the OpenAPI document (`openapi.py`) come from the same table, so they cannot
differ.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from aiohttp import hdrs, web

from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.web.context import RECORD, guarded_catalog
from wheelyard_server.web.http.expect_continue import defer_continue, send_continue

MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation, its parts checked."""

    catalog: GuardedCatalog
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    """An instance of the operation's `body` type, or what its `LargeBody` reads; None if it takes no body."""

    def number(self, name: str, maximum: int, default: int) -> int:
        """Return a parameter of the query, which is a number from 1; raise `InvalidRequestError`."""
        text = self.query.get(name, str(default))
        is_short = text.isascii() and text.isdecimal() and len(text) <= len(str(maximum))
        if not (is_short and 0 < int(text) <= maximum):
            raise InvalidRequestError(f"`{name}` must be a number from 1 to {maximum}")
        return int(text)


@dataclass(frozen=True, slots=True)
class LargeBody:
    """A body that is not JSON, and that is read by the operation itself."""

    media_type: str
    read: Callable[[web.Request, GuardedCatalog], Awaitable[Any]]
    """Checks the permission before the first byte."""


class Report(NamedTuple):
    """An answer in the format of other tools."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    method: str
    path: str
    summary: str
    handler: Callable[[Call], Awaitable[msgspec.Struct | Report]]
    answer: type[msgspec.Struct]
    body: type[msgspec.Struct] | LargeBody | None = None
    query: Mapping[str, str] | None = None
    """Query parameters by name, each with its purpose."""
    max_body_bytes: int = MAX_BODY_BYTES
    check: Callable[[GuardedCatalog], None] = lambda _: None
    """Refuses a principal before its body is read."""
    changes: bool = True
    """Whether it changes something, if it is no GET."""
    reports: tuple[str, ...] = ()
    """Media types of other formats of the answer."""

    @property
    def id(self) -> str:
        """The operation's name."""
        return self.handler.__name__

    @property
    def verb(self) -> AuditVerb:
        """The operation's verb in the audit log."""
        if self.method == hdrs.METH_GET or not self.changes:
            return AuditVerb.READ
        return AuditVerb(self.id.rpartition("_")[2])


def route(operation: Operation) -> web.RouteDef:
    """Return the route that serves an operation."""
    verb = operation.verb

    async def serve(request: web.Request) -> web.Response:
        request[RECORD].verb = verb
        catalog = await guarded_catalog(request)
        operation.check(catalog)
        body = None
        if isinstance(operation.body, LargeBody):
            body = await operation.body.read(request, catalog)
            # That may have taken long: permissions count as they are now.
            catalog = await guarded_catalog(request)
        elif operation.body is not None:
            body = await _body(request, operation.body, operation.max_body_bytes)
        result = await operation.handler(Call(catalog, request.match_info, request.query, body))
        if isinstance(result, Report):
            return web.Response(body=result.body, content_type=result.content_type)
        return web.Response(body=msgspec.json.encode(result), content_type="application/json")

    return web.route(operation.method, operation.path, serve, expect_handler=defer_continue)


async def _body(request: web.Request, wanted: type[msgspec.Struct], max_bytes: int) -> msgspec.Struct:
    # Only JSON: no form on another site's page can send it.
    if request.content_type != "application/json" or hdrs.CONTENT_ENCODING in request.headers:
        raise web.HTTPUnsupportedMediaType(text="Send application/json without compression\n")
    await send_continue(request)
    text = await request.content.read(max_bytes + 1)
    while len(text) <= max_bytes and (more := await request.content.read(max_bytes + 1)):
        text += more
    if len(text) > max_bytes:
        raise InvalidRequestError(f"The body is larger than {max_bytes} bytes")
    try:
        return msgspec.json.decode(text, type=wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"The body does not match its schema: {error}") from None
