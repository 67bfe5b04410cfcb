"""Announces and records refusals of files and names by a rule."""

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from wheelyard_server.access.rules import ANONYMOUS
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import Refusal, RefusedFileError
from wheelyard_server.events import Events
from wheelyard_server.events.kinds import blocked
from wheelyard_server.web.context import RECORD


def record_refusals(record: Callable[[Refusal, str], None]) -> Middleware:
    """Return a middleware that calls `record` with each refusal and its sentence."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedFileError as error:
            record(error.refusal, str(error))
            raise

    return middleware


def announce_refusals(events: Events, now: WallClock) -> Middleware:
    """Return a middleware, which belongs inside `audit_requests`."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RefusedFileError as error:
            user = str(request[RECORD].principal or ANONYMOUS)
            events.emit(blocked(error.refusal, str(error), user, now()))
            raise

    return middleware
