"""A proxy that counts what passes, to see what a server really fetches from S3, and that swallows connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

BLOCK_BYTES = 1 << 20


class Passage:
    """Passes TCP connections on to an address, until it swallows them: nothing comes through then, nor ends."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._pumps: list[asyncio.Task[None]] = []
        self._open: list[asyncio.StreamWriter] = []
        self.port = 0
        """Where it listens on this machine."""
        self.before_sending: Callable[[bytes], object] = len
        """Is given what clients send."""
        self.received = 0
        """Bytes that came back from the address."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        endpoint, to_endpoint = await asyncio.open_connection(*self._target)
        self._open += [to_client, to_endpoint]
        for pump in (
            _pass_on(client, to_endpoint, self._sent),
            _pass_on(endpoint, to_client, self._count),
        ):
            self._pumps.append(asyncio.create_task(pump))

    def swallow(self) -> int:
        """Do so with all connections that there are, as a firewall that has forgotten them; return how many."""
        alive = [pump for pump in self._pumps if not pump.done()]
        for pump in alive:
            pump.cancel()
        return len(alive) // 2

    async def close(self) -> None:
        """End everything: a transport that is left to the collector of garbage is a warning in another test."""
        self.swallow()
        for writer in self._open:
            writer.close()
        ends = [*self._pumps, *(writer.wait_closed() for writer in self._open)]
        await asyncio.gather(*ends, return_exceptions=True)

    def _sent(self, block: bytes) -> None:
        self.before_sending(block)

    def _count(self, block: bytes) -> None:
        self.received += len(block)


@asynccontextmanager
async def passage(host: str, port: int) -> AsyncIterator[Passage]:
    """Run one on a free port of this machine."""
    proxy = Passage(host, port)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield proxy
        finally:
            await proxy.close()


@asynccontextmanager
async def counting_proxy(endpoint: str) -> AsyncIterator[Passage]:
    """Run one to `endpoint`, the URL of an S3 server."""
    target = urlsplit(endpoint)
    assert target.hostname
    assert target.port
    async with passage(target.hostname, target.port) as proxy:
        yield proxy


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tell: Callable[[bytes], object]
) -> None:
    with suppress(ConnectionError):
        while block := await reader.read(BLOCK_BYTES):
            tell(block)
            writer.write(block)
            await writer.drain()
    writer.close()
