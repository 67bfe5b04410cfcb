"""A connection that is cut if its client takes too long or sends too much."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from aiohttp import web

from wheelyard_server.access.listeners import ListenerPorts
from wheelyard_server.settings import Limits, Listener
from wheelyard_server.web.front.aiohttp_connection import AiohttpConnection
from wheelyard_server.web.front.connection_counter import ConnectionCounter, address_group
from wheelyard_server.web.front.deadlines import MAX_KEEPALIVE_SECONDS, BodyRate, HeaderDeadline, IdleTime
from wheelyard_server.web.http.proxies import Proxies

log = logging.getLogger(__name__)


class ConnectionLimits(NamedTuple):
    """What the limits of all connections of a server need."""

    limits: Limits
    counter: ConnectionCounter
    proxies: Proxies
    ports: ListenerPorts


class LimitedConnection(AiohttpConnection):
    """Counts connections, and measures how long the client of each takes and how much it sends."""

    def __init__(self, server: web.Server, shared: ConnectionLimits, **options: Any) -> None:
        super().__init__(server, **options)
        self.listener = Listener.EXTERNAL
        self.path = ""
        self._limits, self._counter, self._proxies, self._ports = shared
        self._wire: asyncio.Transport | None = None
        """None before the connection is made and after it is lost."""
        self._peer = ""
        self._port = 0
        self._leave: Callable[[], None] | None = None
        self._headers = HeaderDeadline(self._limits)
        self._body = BodyRate(self._limits)
        self._idle = IdleTime()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or close it if there are too many."""
        transport = cast("asyncio.Transport", transport)  # uvloop's transports do not inherit from it.
        peername, sockname = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        is_proxy = self._proxies.trusts(sockname[1], peername[0])
        self._leave = self._counter.enter("" if is_proxy else address_group(peername))
        if self._leave is None:
            transport.close()
            return
        self._wire, self._port = transport, sockname[1]
        self._peer = self._proxies.client(self._port, peername[0], ())
        self.listener = self._ports.listener_of(sockname)
        self.path = self._proxies.path(self._port)
        now = self._loop.time()
        self._headers.begin(now)
        self._body.begin_window(now)
        self._idle.begin(now)
        # Only the kernel sees whether a client takes what is sent by `sendfile`, or after a close.
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self._limits.send_seconds * 1000)
        )
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room for another connection."""
        if self._leave is not None:
            self._leave()
        self._wire = None
        # If an answer is never read, the kernel raises a TimeoutError. aiohttp takes it for the
        # handler's.
        super().connection_lost(ConnectionResetError(str(exc)) if isinstance(exc, OSError) else exc)

    def feed(self, data: bytes) -> None:
        """Hand aiohttp the next bytes, and cut the connection if they are too many."""
        self._idle.use()
        if self._waiter is not None:
            self._headers.begin(self._loop.time())
        self._headers.receive(len(data))
        self._body.receive(len(data))
        super().feed(data)
        if not self.waits_for_request:
            self._headers.end()
        elif self._headers.is_too_large:
            self.cut("its request's headers are too large")
        if self.has_malformed_body:
            self.cut("its request's body is malformed")

    @property
    def is_idle(self) -> bool:
        """Whether the client has no request here."""
        return self._wire is not None and self.waits_for_request

    def check(self, now: float) -> None:
        """Cut the connection if the client is late, and close it if it is idle for too long."""
        idle_seconds = self._idle.seconds(now, is_idle=self.is_idle)
        if idle_seconds > MAX_KEEPALIVE_SECONDS:
            self.force_close()
        elif idle_seconds > self._limits.header_seconds and self.has_half_a_request():
            self.cut("its request's headers took too long")
        if self._headers.is_over(now):
            self.cut("its request's headers took too long")
        elif not self.is_receiving_body or self._wire is None or not self._wire.is_reading():
            # Nothing is expected, or it is the server that does not keep up.
            self._body.begin_window(now)
        elif self._body.is_too_slow(now):
            self.cut("its request's body comes too slowly")

    def cut(self, reason: str) -> None:
        """Close the connection at once, and log why."""
        log.info("The connection of %s was cut: %s", self._peer, reason)
        if self._wire is not None:
            self._wire.abort()
