"""CORS: pages of other sites that may read this index in a browser.

https://fetch.spec.whatwg.org/#cors-protocol. They get what anonymous may read, by GET alone, and
never the answer to a login. Preflight requests are not answered, so pages can send no headers of
their own.
"""

from collections.abc import Collection

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from wheelyard_server.settings import ListenAddress
from wheelyard_server.web.context import CATALOG_ACCESS, listener_of

_ANY = "*"


class AllowedOrigins:
    """The sites that each listener allows, by its port."""

    def __init__(self, handlers: Collection[Handler], *listeners: ListenAddress | None) -> None:
        """Allow sites to read the answers of these handlers."""
        self._handlers = frozenset(handlers)
        self._allowed = {each.port: frozenset(each.allowed_origins) for each in listeners if each is not None}

    async def add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        """Allow the page to read the answer; a signal handler for `Application.on_response_prepare`."""
        allowed = self._allowed_origin(request)
        if allowed is not None:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = allowed
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"

    def _allowed_origin(self, request: web.Request) -> str | None:
        origin, socket = request.headers.get(hdrs.ORIGIN), request.get_extra_info("sockname")
        if origin is None or socket is None or request.method != hdrs.METH_GET:
            return None
        if hdrs.AUTHORIZATION in request.headers or request.match_info.handler not in self._handlers:
            return None
        allowed = self._allowed.get(socket[1], frozenset())
        if origin in allowed:
            return origin
        if _ANY not in allowed:
            return None
        # If anonymous may read nothing, "*" is a mistake: it was meant for users who log in, who
        # get nothing here.
        return _ANY if request.app[CATALOG_ACCESS].allows_anonymous_reads(listener_of(request)) else None
