"""Proxies: one counts what passes, to see what a server really fetches from S3; another swallows connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

BLOCK_BYTES = 1 << 20


class CountingProxy:
    """Passes TCP connections on to `endpoint`, a URL."""

    def __init__(self, endpoint: str) -> None:
        target = urlsplit(endpoint)
        self._target = target.hostname, target.port
        self.url = ""
        self.received = 0
        """Bytes that came back from the endpoint."""
        self.before_sending: Callable[[bytes], object] = len
        """Is given what clients send."""

    async def connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        endpoint, to_endpoint = await asyncio.open_connection(*self._target)
        requests = asyncio.create_task(_pass_on(client, to_endpoint, self.before_sending))
        while block := await endpoint.read(BLOCK_BYTES):
            self.received += len(block)
            to_client.write(block)
            await to_client.drain()
        to_client.close()
        await requests


@asynccontextmanager
async def counting_proxy(endpoint: str) -> AsyncIterator[CountingProxy]:
    """Run a proxy on a free port of this machine."""
    proxy = CountingProxy(endpoint)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield proxy


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tell: Callable[[bytes], object] = len
) -> None:
    while block := await reader.read(BLOCK_BYTES):
        tell(block)
        writer.write(block)
        await writer.drain()
    writer.close()


class Passage:
    """Passes TCP connections on to an address, until it swallows them: nothing comes through then, nor ends."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._pumps: list[asyncio.Task[None]] = []
        self._open: list[asyncio.StreamWriter] = []
        self.port = 0

    async def connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        endpoint, to_endpoint = await asyncio.open_connection(*self._target)
        self._open += [to_client, to_endpoint]
        for pair in ((client, to_endpoint), (endpoint, to_client)):
            self._pumps.append(asyncio.create_task(_pass_on(*pair)))

    def swallow(self) -> int:
        """Do so with all connections that there are, as a firewall that has forgotten them; return how many."""
        alive = [pump for pump in self._pumps if not pump.done()]
        for pump in alive:
            pump.cancel()
        return len(alive) // 2

    def close(self) -> None:
        """End everything."""
        self.swallow()
        for writer in self._open:
            writer.close()


@asynccontextmanager
async def passage(host: str, port: int) -> AsyncIterator[Passage]:
    """Run one on a free port of this machine."""
    proxy = Passage(host, port)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
        proxy.close()
