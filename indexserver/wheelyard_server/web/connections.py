"""Connections: how many there may be, and how long a client may take for its part.

aiohttp reads HTTP; what a client may cost is decided here. Of aiohttp's own state only three attributes are used,
all for reading: `_waiter`, `_current_request` and `_messages`. `test_connections.py` pins what they mean.
"""

import asyncio
import logging
import resource
import socket
from collections.abc import Callable
from typing import Any

from aiohttp import web

from wheelyard_server.settings import Limits
from wheelyard_server.web import request_ids
from wheelyard_server.web.census import Census, neighbourhood
from wheelyard_server.web.headers import always
from wheelyard_server.web.logs import AccessLog
from wheelyard_server.web.proxies import Proxies
from wheelyard_server.web.targets import refusal

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1
HEADERS = 100
KEEPALIVE_SECONDS = 75
_OPTIONS = {
    "keepalive_timeout": KEEPALIVE_SECONDS,
    "access_log_class": AccessLog,
    "auto_decompress": False,
    "max_headers": HEADERS,
}


class Runner(web.AppRunner):
    """Serves an application with limits."""

    def __init__(self, app: web.Application, limits: Limits, proxies: Proxies) -> None:
        super().__init__(app)
        self._limits = limits
        self._proxies = proxies

    async def _make_server(self) -> web.Server:
        return Server(await super()._make_server(), self._limits, self._proxies)


class Server(web.Server):
    """Makes a `Connection` for each client and looks once a second whether it does its part."""

    def __init__(self, application: web.Server, limits: Limits, proxies: Proxies) -> None:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            request_ids.begin(request)
            proxies.begin(request)
            return refusal(request, limits.header_bytes) or await application.request_handler(request)

        super().__init__(handle, request_factory=application.request_factory)
        self._limits = limits
        self._proxies = proxies
        self._census = Census(min(limits.connections, _most_connections()), limits.connections_per_address)
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def __call__(self) -> "Connection":
        """Make the protocol of one connection."""
        return Connection(self, self._limits, self._census, self._proxies, loop=self._loop, **_OPTIONS)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's signature
        """Close what is open."""
        self._sweeping.cancel()
        await super().shutdown(timeout)

    def _sweep(self) -> None:
        for connection in self.connections:
            if isinstance(connection, Connection):
                connection.check(self._loop.time())
        self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._sweep)


class Connection(web.RequestHandler):
    """A client's connection, cut when the client takes too long or sends too much before a request is whole."""

    def __init__(self, server: Server, limits: Limits, census: Census, proxies: Proxies, **options: Any) -> None:
        super().__init__(server, **options)
        self._limits = limits
        self._census = census
        self._proxies = proxies
        self._leave: Callable[[], None] | None = None
        self._wire: asyncio.Transport | None = None
        self._peer = ""
        self._head_since: float | None = None
        self._head_bytes = 0
        self._window_since = 0.0
        self._window_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or close it where there are enough."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP listeners make no others
        peername = transport.get_extra_info("peername")
        port = transport.get_extra_info("sockname")[1]
        alone = not self._proxies.trusts(port, peername[0])
        self._leave = self._census.enter(neighbourhood(peername) if alone else "")
        if self._leave is None:
            transport.close()
            return
        self._wire, self._peer = transport, peername[0]
        self._head_since = self._loop.time()
        self._begin_window(self._head_since)
        # The kernel sees what no timer of ours can: what goes by sendfile, and what a closed connection left.
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._limits.send_seconds * 1000)
        )
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let the next one in."""
        if self._leave is not None:
            self._leave()
        self._wire = None
        # An answer that nobody takes ends in a TimeoutError, which aiohttp takes for a handler's own.
        super().connection_lost(ConnectionResetError(str(exc)) if isinstance(exc, OSError) else exc)

    def data_received(self, data: bytes) -> None:
        """Take what a client sends: headers while the server waits for them, else a body."""
        if self._waiter is not None and self._head_since is None:
            self._head_since = self._loop.time()
        self._head_bytes += len(data)
        self._window_bytes += len(data)
        super().data_received(data)
        if self._waiter is None or self._waiter.done():
            self._head_since = None
            self._head_bytes = 0
        elif self._head_bytes > self._limits.header_bytes:
            self._cut("its request's headers are too large")
        if self._messages and self._is_receiving():
            # What comes after a body that has not ended is no request: its chunks were malformed. aiohttp tells
            # the connection, but not the handler, which would wait for ever.
            self._cut("its request's body is malformed")

    def check(self, now: float) -> None:
        """Cut the connection if the client is late; `now` is the loop's time."""
        if self._head_since is not None and now - self._head_since > self._limits.header_seconds:
            self._cut("its request's headers took too long")
        elif not self._is_receiving() or self._wire is None or not self._wire.is_reading():
            # Nothing is expected, or it is the server that does not keep up.
            self._begin_window(now)
        elif now - self._window_since >= self._limits.body_seconds:
            if self._window_bytes < self._limits.body_bytes_per_second * self._limits.body_seconds:
                self._cut("its request's body comes too slowly")
            self._begin_window(now)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, and what went wrong in here.

        aiohttp would log and send back the malformed line, which may be the one with the token.
        """
        if status == 400:
            request_ids.begin(request)
            log.info("%s sent what is not HTTP: %s", request.remote, type(exc).__name__)
            response: web.StreamResponse = web.Response(status=400, text="This is not a valid HTTP/1.1 request\n")
            response.force_close()
        else:
            response = super().handle_error(request, status, exc, message)
        response.headers.update(always())
        return response

    def _is_receiving(self) -> bool:
        return self._current_request is not None and not self._current_request.content.is_eof()

    def _begin_window(self, now: float) -> None:
        self._window_since = now
        self._window_bytes = 0

    def _cut(self, reason: str) -> None:
        log.info("The connection of %s was cut: %s", self._peer, reason)
        if self._wire is not None:
            self._wire.abort()


def _most_connections() -> int:
    """Return how many connections the process can serve: each may need a file beside its socket."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return max(1, most // 2)
