"""A forward proxy as companies have one: it knows CONNECT, and nothing else."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BLOCK = 64 * 1024


class ForwardProxy:
    """Connects clients with the hosts that they name."""

    def __init__(self) -> None:
        self.url = ""
        self.targets: list[str] = []
        """The hosts of all requests so far, as `host:port`."""

    async def connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Read a CONNECT, and pass on what follows."""
        head = await client.readuntil(b"\r\n\r\n")
        method, target, _ = head.decode().split(" ", 2)
        if method != "CONNECT":
            to_client.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            to_client.close()
            return
        self.targets.append(target)
        host, _, port = target.rpartition(":")
        server, to_server = await asyncio.open_connection(host, int(port))
        to_client.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_copy(client, to_server), _copy(server, to_client))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
    writer.close()


@contextmanager
def forward_proxy() -> Iterator[ForwardProxy]:
    """Run one in a thread for as long as a block takes."""
    proxy, loop = ForwardProxy(), asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(proxy.connected, "127.0.0.1", 0))
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
