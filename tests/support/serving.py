"""The application in this process, with the connections of `wheelyard serve`; and bytes sent as they are."""

import asyncio
import re
import socket
from typing import Any

from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer, get_port_socket

from support.patience import HANG_SECONDS
from wheelyard_server.access.listeners import ListenerPorts
from wheelyard_server.settings import Limits, ListenAddress, Listener
from wheelyard_server.web.context import LISTENER_PORTS
from wheelyard_server.web.front.connection_server import Runner, Server
from wheelyard_server.web.front.lane_connection import LaneConnection
from wheelyard_server.web.http.proxies import Proxies


class LimitedServer(TestServer):
    """aiohttp's test server with our connections."""

    __test__ = False

    def __init__(
        self,
        app: web.Application,
        limits: Limits,
        *trusted_proxies: str,
        path: str = "",
        port: int = 0,
        listener: Listener = Listener.CLUSTER,
    ) -> None:
        super().__init__(app, port=port, socket_factory=lambda *_: self._bound)
        self._limits = limits
        self._trusted = trusted_proxies
        self._path = path
        self._listener = listener

    async def _make_runner(self, **_kwargs: Any) -> Runner:
        self._bound = get_port_socket(self.host, self.port or 0, socket.AF_INET)
        if self._listener is Listener.EXTERNAL:
            self.app[LISTENER_PORTS] = ListenerPorts(self._bound.getsockname()[1])
        address = ListenAddress(port=self._bound.getsockname()[1], trusted_proxies=self._trusted, path=self._path)
        return Runner(self.app, self._limits, Proxies(address))

    @property
    def connections(self) -> list[LaneConnection]:
        """Return those that are open."""
        assert self.runner is not None
        assert isinstance(self.runner.server, Server)
        return [each for each in self.runner.server.connections if isinstance(each, LaneConnection)]


async def send_raw(server: BaseTestServer, request: bytes) -> bytes:
    """Send bytes and return all that comes until the server closes the connection."""
    reader, writer = await asyncio.open_connection(server.host, server.port)
    answer = bytearray()
    try:
        writer.write(request)
        async with asyncio.timeout(HANG_SECONDS):
            while chunk := await reader.read(65536):
                answer += chunk
    except ConnectionError:
        pass  # What came before the reset counts.
    finally:
        writer.close()
    return bytes(answer)


def statuses(answers: bytes) -> list[int]:
    """Return the statuses of all answers in a row."""
    return [int(each) for each in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answers)]
