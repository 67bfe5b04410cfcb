"""Connections: how many there may be, and how long a client may take for its part.

aiohttp reads HTTP; what a client may cost is decided here. Of aiohttp's own state only four attributes are used:
for reading `_waiter`, `_current_request` and `_messages`, and `_parser`, which is told of the end.
`test_connections.py` pins what they mean.
"""

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Callable
from io import FileIO
from typing import Any, NamedTuple, cast

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD

from wheelyard_server.background import Background
from wheelyard_server.settings import Limits
from wheelyard_server.web.context import BACKGROUND, EXTERNAL_PORT, SENDERS, is_outside
from wheelyard_server.web.front.connection_limits import Census, neighbourhood
from wheelyard_server.web.front.fast_lane import LANE, FastLane
from wheelyard_server.web.front.unsent import UNSENT, Unsent
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.headers import complete
from wheelyard_server.web.http.problem_details import as_problem, problem
from wheelyard_server.web.http.proxies import Proxies
from wheelyard_server.web.http.sendfile import full_packets, sendfile
from wheelyard_server.web.http.targets import refusal
from wheelyard_server.web.telemetry.logs import AccessLog

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1
HEADERS = 100
KEEPALIVE_SECONDS = 75
SHUTDOWN_SECONDS = 1
TURNS = 3
"""Of the event loop, until aiohttp waits for a request after it has answered the one before, or has just begun."""
_OPTIONS = {
    # Ten years: it is `check` that closes idle connections. Of what goes the fast lane aiohttp does not know.
    "keepalive_timeout": 3e8,
    "access_log_class": AccessLog,
    "auto_decompress": False,
    "max_headers": HEADERS,
}


class Runner(web.AppRunner):
    """Serves an application with limits."""

    def __init__(
        self, app: web.Application, limits: Limits, proxies: Proxies, *, log_requests: bool = True
    ) -> None:
        # Whoever shuts down has let running requests end before.
        super().__init__(app, shutdown_timeout=SHUTDOWN_SECONDS)
        self._limits = limits
        self._proxies = proxies
        self._options = _OPTIONS if log_requests else {**_OPTIONS, "access_log": None}

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        limits, app = self._limits, self.app
        census = Census(min(limits.connections, _most_connections()), limits.connections_per_address)
        shared = Shared(limits, census, self._proxies, app.get(LANE), app.get(EXTERNAL_PORT), app.get(UNSENT))
        loop = f"the deadlines of {app.get(SENDERS, 'clients')}"
        return Server(server, shared, loop, app.get(BACKGROUND) or Background(time.time), **self._options)


class Shared(NamedTuple):
    """What all connections have in common."""

    limits: Limits
    census: Census
    proxies: Proxies
    lane: FastLane | None
    external_port: int | None
    unsent: Unsent | None


class Server(web.Server):
    """Makes a `Connection` for each client and looks once a second whether it does its part."""

    def __init__(
        self, application: web.Server, shared: Shared, loop: str, background: Background, **options: Any
    ) -> None:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            request_ids.begin(request)
            shared.proxies.begin(request)
            refused = refusal(request, shared.limits.header_bytes)
            try:
                return refused or await application.request_handler(request)
            except web.HTTPError as error:
                return as_problem(error)

        super().__init__(handle, request_factory=application.request_factory)
        self._options = options
        self._shared = shared
        self._sweeping = background.start(loop, self._sweep, SWEEP_SECONDS)

    def __call__(self) -> "Connection":
        """Make the protocol of one connection."""
        return Connection(self, self._shared, loop=self._loop, **self._options)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's signature
        """Close what is open."""
        self._sweeping.stop()
        await super().shutdown(timeout)

    async def _sweep(self) -> None:
        """Check all connections; raise the first error once all others are checked, too."""
        errors = [error for each in self.connections if (error := _checked(each, self._loop.time())) is not None]
        if errors:
            raise errors[0]


class Connection(web.RequestHandler):
    """A client's connection, cut when the client takes too long or sends too much before a request is whole."""

    def __init__(self, server: Server, shared: Shared, **options: Any) -> None:
        super().__init__(server, **options)
        self.is_outside = False
        self._peer = ""
        self._port = 0
        self._limits, self._census, self._proxies, self._lane, self._external_port, self._unsent = shared
        self._large: tuple[str, bytes] | None = None
        """For whom the last large body of the lane was, and the body."""
        self._is_holding = False
        """The client has not taken it."""
        self._is_at_a_beginning = True
        """All that came before was whole requests: what comes now begins one."""
        self._is_held = False
        """The lane has a request."""
        self._next: bytes | None = None
        """What came while it had."""
        self._idle_since = 0.0
        self._was_used = False
        """Since `check` was here."""
        self._leave: Callable[[], None] | None = None
        self._wire: asyncio.Transport | None = None
        self._head_since: float | None = None
        self._head_bytes = 0
        self._window_since = 0.0
        self._window_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or close it where there are enough."""
        transport = cast("asyncio.Transport", transport)  # uvloop's are none by inheritance.
        peername = transport.get_extra_info("peername")
        port = transport.get_extra_info("sockname")[1]
        alone = not self._proxies.trusts(port, peername[0])
        self._leave = self._census.enter(neighbourhood(peername) if alone else "")
        if self._leave is None:
            transport.close()
            return
        self._wire, self._port = transport, port
        self._peer = self._proxies.client(port, peername[0], ())
        self.is_outside = is_outside(self._external_port, transport.get_extra_info("sockname"))
        self._head_since = self._idle_since = self._loop.time()
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
        self._give_back()
        # An answer that nobody takes ends in a TimeoutError, which aiohttp takes for a handler's own.
        super().connection_lost(ConnectionResetError(str(exc)) if isinstance(exc, OSError) else exc)

    def data_received(self, data: bytes) -> None:
        """Take what a client sends."""
        if self._lane is None or not self._is_at_a_beginning or not data:
            self._feed(data)  # aiohttp itself brings nothing, to look at what it has again.
        elif self._is_held:
            self._pause()
            self._next = data
        elif self._is_idle():
            self._begin_request(data)
        elif self._current_request is None and not self._messages:
            # aiohttp is about to wait for this. Given it now, it would be as late for the next one, and so on.
            self._pause()
            self._loop.call_soon(self._begin_soon, data, TURNS)
        else:
            self._feed(data)

    def _begin_soon(self, data: bytes, turns: int) -> None:
        if self._wire is None:
            return
        if self._is_idle():
            self._resume()
            self._begin_request(data)
        elif turns:
            self._loop.call_soon(self._begin_soon, data, turns - 1)
        else:
            self._resume()
            self._feed(data)

    def _begin_request(self, data: bytes) -> None:
        if self._lane is not None and not self.writing_paused and self._lane.takes(self, data):
            self._is_held, self._head_since = True, None
        else:
            self._feed(data)

    def sender(self, forwarded: str) -> str:
        """See `fast_lane.Client`."""
        return self._proxies.client(self._port, self._peer, (forwarded,)) if forwarded else self._peer

    def send(self, head: bytes, body: bytes = b"", sender: str = "") -> None:
        """See `fast_lane.Client`."""
        wire = self._wire
        if wire is not None and not wire.is_closing():
            if body:
                # First: what is left of the answer before, together with the head, may be too much already.
                self._large = sender, body
            wire.write(head)
            if body:
                # Not `writelines`: some versions of asyncio never say that it was too much (CVE-2024-12254).
                wire.write(body)
            self._was_used = True
            self._is_held = False
            if self._next is not None:
                self._take_next(self._next)

    def pause_writing(self) -> None:
        """Count what the client does not take at once."""
        super().pause_writing()
        if self._large is not None and self._unsent is not None:
            self._unsent.hold(*self._large)
            self._is_holding = True

    def resume_writing(self) -> None:
        """Count it no longer."""
        super().resume_writing()
        self._give_back()

    def _give_back(self) -> None:
        large, self._large = self._large, None
        if self._is_holding and large is not None and self._unsent is not None:
            self._unsent.give_back(*large)
        self._is_holding = False

    async def send_file(self, head: bytes, file: FileIO, size: int) -> int:
        """See `fast_lane.Client`."""
        wire, sent = self._wire, 0
        if wire is None or wire.is_closing():
            raise ConnectionResetError
        try:
            with full_packets(wire):
                wire.write(head)
                sent = await sendfile(wire, file, 0, size)
        finally:
            if sent < size:
                wire.abort()  # Only this can still say that it was not the whole file.
            elif self._wire is not None:
                self._was_used = True
                self._go_on()
        return sent

    def pass_on(self, data: bytes) -> None:
        """See `fast_lane.Client`."""
        if self._wire is not None:
            self._feed(data)
            self._go_on()

    def cut(self, reason: str) -> None:
        """See `fast_lane.Client`."""
        log.info("The connection of %s was cut: %s", self._peer, reason)
        if self._wire is not None:
            self._wire.abort()

    def _go_on(self) -> None:
        """Take what came while the lane had a request."""
        self._is_held = False
        if self._next is not None:
            self._take_next(self._next)

    def _take_next(self, data: bytes) -> None:
        self._next = None
        self._resume()
        self.data_received(data)

    def _pause(self) -> None:
        if self._wire is not None:
            self._wire.pause_reading()

    def _resume(self) -> None:
        if self._wire is not None:
            self._wire.resume_reading()

    def _feed(self, data: bytes) -> None:
        """Return aiohttp what came: headers while it waits for them, else a body."""
        before, self._was_used = len(self._messages), True
        if self._waiter is not None and self._head_since is None:
            self._head_since = self._loop.time()
        self._head_bytes += len(data)
        self._window_bytes += len(data)
        super().data_received(data)
        # One more request, that has no body, and nothing after it: so the next one begins with what comes next.
        self._is_at_a_beginning = (
            len(self._messages) == before + 1 and _has_no_body(self._messages[-1]) and data.endswith(b"\r\n\r\n")
        )
        if self._waiter is None or self._waiter.done():
            self._head_since = None
            self._head_bytes = 0
        elif self._head_bytes > self._limits.header_bytes:
            self.cut("its request's headers are too large")
        if self._messages and self._is_receiving():
            # What comes after a body that has not ended is no request: its chunks were malformed. aiohttp tells
            # the connection, but not the handler, which would wait for ever.
            self.cut("its request's body is malformed")

    def check(self, now: float) -> None:
        """Cut the connection if the client is late or has nothing to say; `now` is the loop's time."""
        if not self._is_holding:
            self._large = None
        if self._wire is None or self._is_held or self._was_used or not self._is_idle():
            self._idle_since, self._was_used = now, False
        elif now - self._idle_since > KEEPALIVE_SECONDS:
            self.force_close()
        elif now - self._idle_since > self._limits.header_seconds and self._has_half_a_request():
            self.cut("its request's headers took too long")
        if self._head_since is not None and now - self._head_since > self._limits.header_seconds:
            self.cut("its request's headers took too long")
        elif not self._is_receiving() or self._wire is None or not self._wire.is_reading():
            # Nothing is expected, or it is the server that does not keep up.
            self._begin_window(now)
        elif now - self._window_since >= self._limits.body_seconds:
            if self._window_bytes < self._limits.body_bytes_per_second * self._limits.body_seconds:
                self.cut("its request's body comes too slowly")
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
            response = problem(status, "This is not a valid HTTP/1.1 request")
        else:
            super().handle_error(request, status, exc, message)  # It logs, or raises where an answer has begun.
            response = problem(status, "The server failed; its log says why, under the id of this request")
        response.force_close()
        complete(response.headers)
        return response

    def _is_idle(self) -> bool:
        """Return whether aiohttp waits for a request."""
        return self._waiter is not None and not self._waiter.done()

    def _has_half_a_request(self) -> bool:
        """Return whether headers began behind an earlier request and never ended. That ends the parser's work."""
        if self._is_at_a_beginning or self._parser is None:
            return False
        try:
            # Within headers it makes a request of what there is, or finds that it is none; else it does nothing.
            return self._parser.feed_eof() is not None
        except Exception:  # noqa: BLE001 - whatever is wrong with them, they are not whole
            return True

    def _is_receiving(self) -> bool:
        return self._current_request is not None and not self._current_request.content.is_eof()

    def _begin_window(self, now: float) -> None:
        self._window_since = now
        self._window_bytes = 0


def _checked(connection: web.RequestHandler, now: float) -> Exception | None:
    """Check a connection; where that fails unexpectedly, cut it and return the error."""
    if isinstance(connection, Connection):
        try:
            connection.check(now)
        except Exception as error:  # noqa: BLE001 - it is raised later
            connection.cut("it could not be checked")
            return error
    return None


def _has_no_body(received: tuple[Any, Any]) -> bool:
    """Return whether whatever follows a request is the next one."""
    message, payload = received
    return payload is EMPTY_PAYLOAD and isinstance(message, RawRequestMessage) and not message.upgrade


def _most_connections() -> int:
    """Return how many connections the process can serve: each may need a file beside its socket."""
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (maximum, maximum))
    return max(1, maximum // 2)
