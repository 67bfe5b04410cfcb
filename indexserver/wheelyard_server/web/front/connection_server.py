"""Accepts connections, and checks each of them every second."""

import resource
import time
from typing import Any

from aiohttp import web

from wheelyard_server.access.listeners import ListenerPorts
from wheelyard_server.background import Background
from wheelyard_server.settings import Limits
from wheelyard_server.web.context import BACKGROUND, LISTENER_PORTS, SENDERS
from wheelyard_server.web.front.connection_counter import ConnectionCounter
from wheelyard_server.web.front.fast_lane import LANE
from wheelyard_server.web.front.lane_connection import LaneConnection
from wheelyard_server.web.front.limited_connection import ConnectionLimits
from wheelyard_server.web.front.unsent import UNSENT
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.problem_details import as_problem
from wheelyard_server.web.http.proxies import Proxies
from wheelyard_server.web.http.targets import refusal
from wheelyard_server.web.telemetry.logs import AccessLog

CHECK_SECONDS = 1
MAX_HEADERS = 100
SHUTDOWN_SECONDS = 1
_OPTIONS = {
    # Ten years: `check` closes idle connections. aiohttp does not see the requests of the fast
    # lane.
    "keepalive_timeout": 3e8,
    "access_log_class": AccessLog,
    "auto_decompress": False,
    "max_headers": MAX_HEADERS,
}


class Runner(web.AppRunner):
    """Serves an application with limits."""

    def __init__(
        self, app: web.Application, limits: Limits, proxies: Proxies, *, log_requests: bool = True
    ) -> None:
        # Before this shutdown, running requests were given time to end.
        super().__init__(app, shutdown_timeout=SHUTDOWN_SECONDS)
        self._limits = limits
        self._proxies = proxies
        self._options = _OPTIONS if log_requests else {**_OPTIONS, "access_log": None}

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        limits, ports = self._limits, self.app.get(LISTENER_PORTS) or ListenerPorts(None)
        counter = ConnectionCounter(min(limits.connections, _max_connections()), limits.connections_per_address)
        return Server(server, self.app, ConnectionLimits(limits, counter, self._proxies, ports), **self._options)


class Server(web.Server):
    """Makes a `LaneConnection` for each client, and checks all of them once a second."""

    def __init__(self, server: web.Server, app: web.Application, shared: ConnectionLimits, **options: Any) -> None:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            request_ids.begin(request)
            shared.proxies.begin(request)
            refused = refusal(request, shared.limits.header_bytes)
            try:
                return refused or await server.request_handler(request)
            except web.HTTPError as error:
                return as_problem(error)

        super().__init__(handle, request_factory=server.request_factory)
        self._options = options
        self._shared = shared
        self._lane, self._unsent = app.get(LANE), app.get(UNSENT)
        loop = f"the deadlines of {app.get(SENDERS, 'clients')}"
        background = app.get(BACKGROUND) or Background(time.time)
        self._checking = background.start(loop, self._check, CHECK_SECONDS)

    def __call__(self) -> LaneConnection:
        """Make the protocol of one connection."""
        return LaneConnection(self, self._shared, self._lane, self._unsent, loop=self._loop, **self._options)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's signature
        """Close what is open."""
        self._checking.stop()
        await super().shutdown(timeout)

    async def _check(self) -> None:
        """Check all connections; raise the first error once all others are checked, too."""
        errors = [
            error for each in self.connections if (error := _check_connection(each, self._loop.time())) is not None
        ]
        if errors:
            raise errors[0]


def _check_connection(connection: web.RequestHandler, now: float) -> Exception | None:
    """Check a connection; if that fails unexpectedly, cut it and return the error."""
    if isinstance(connection, LaneConnection):
        try:
            connection.check(now)
        except Exception as error:  # noqa: BLE001 - it is raised later
            connection.cut("it could not be checked")
            return error
    return None


def _max_connections() -> int:
    """Return how many connections the process can serve: each may need a file and a socket."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    return max(1, hard_limit // 2)
