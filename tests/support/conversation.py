"""Bytes sent piece by piece to a server in this process, and all that it answers, however fast either of them is.

What the server has read, and whether it waits for the client, is asked of the server: nothing here
goes by time.
"""

import asyncio
import socket
import struct
import termios
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from fcntl import ioctl

from support.http import Client
from support.patience import until
from support.serving import LimitedServer
from wheelyard_server.web.front.lane_connection import LaneConnection

_ROOM = 8 * 1024**2
"""The client's buffer. All that a server wrote lies there when it resets the connection, which loses the rest."""
_BYTES_RECEIVED = 128
"""The offset in Linux's `struct tcp_info`."""


@dataclass
class Conversation:
    """A client and the server's side of its connection, which is None if the server refused it."""

    client: socket.socket
    connection: LaneConnection | None
    answers: "asyncio.Task[bytes]"
    """Ends with the connection."""
    _sent: int = field(default=0, init=False)

    async def send(self, piece: bytes) -> None:
        """Send bytes and wait until the server has read them, or reads nothing for now."""
        with suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(self.client, piece)
        self._sent += len(piece)
        await until(lambda: self.answers.done() or has_read(self.connection, self._sent))

    async def settle(self) -> None:
        """Wait until the server has closed the connection, or waits for the client."""
        await until(lambda: self.answers.done() or waits_for_client(self.connection))

    async def end(self) -> bytes:
        """Return all answers once nothing more is to come."""
        await self.settle()
        with suppress(OSError):
            self.client.shutdown(socket.SHUT_WR)
        return await self.answers


@asynccontextmanager
async def conversation(server: LimitedServer) -> AsyncIterator[Conversation]:
    """Connect to a server; in the end the connection is closed."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        await loop.sock_connect(client, (server.host, server.port))
        reading = asyncio.create_task(_everything(client))
        talk = Conversation(client, await _other_end(server, client, reading), reading)
        await talk.settle()
        yield talk
        await talk.end()


async def converse(server: LimitedServer, pieces: Iterable[bytes], *, in_turn: bool = False) -> bytes:
    """Send the pieces and return all answers. In turn: each once the server has nothing to do for those before."""
    async with conversation(server) as talk:
        for piece in pieces:
            await talk.send(piece)
            if in_turn:
                await talk.settle()
        return await talk.end()


def has_read(connection: LaneConnection | None, sent: int) -> bool:
    """Return whether the server has read so many bytes of a connection, or reads nothing for now."""
    if connection is None or connection.transport is None or not connection.transport.is_reading():
        return True
    its = connection.transport.get_extra_info("socket")
    info = its.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    (received,) = struct.unpack_from("Q", info, _BYTES_RECEIVED)
    (unread,) = struct.unpack("i", ioctl(its.fileno(), termios.FIONREAD, bytes(4)))
    return bool(received == sent and not unread)


def connections_of(server: LimitedServer, address: tuple[str, int]) -> list[LaneConnection]:
    """Return the server's side of the connection from a client's address, if it is open."""
    connected = ((each, each.transport) for each in server.connections)
    return [each for each, its in connected if its is not None and its.get_extra_info("peername") == address]


def served(client: Client) -> LimitedServer:
    """Return the server of a test's client."""
    assert isinstance(client.server, LimitedServer)
    return client.server


def waits_for_client(connection: LaneConnection | None) -> bool:
    """Return whether nothing comes any more unless the client goes on with a request or its body."""
    if connection is None or connection.transport is None:
        return True
    has_written = connection.transport.is_reading() and not connection.transport.get_write_buffer_size()
    return has_written and (connection.is_idle or (connection.is_receiving_body and _waits_for_body(connection)))


def has_a_request(connection: LaneConnection) -> bool:
    """Return whether aiohttp or the fast lane has a request of this connection."""
    return connection.has_requests or connection._lane_has_request


def _waits_for_body(connection: LaneConnection) -> bool:
    """Return whether the handler waits for a body, which only private attributes of aiohttp say."""
    request = connection._current_request
    return request is not None and getattr(request.content, "_waiter", None) is not None


async def _everything(client: socket.socket) -> bytes:
    """Read at once what comes, until there is an end of any kind."""
    answers, loop = bytearray(), asyncio.get_running_loop()
    with suppress(ConnectionError):
        while chunk := await loop.sock_recv(client, 65536):
            answers += chunk
    return bytes(answers)


async def _other_end(
    server: LimitedServer, client: socket.socket, reading: asyncio.Task[bytes]
) -> LaneConnection | None:
    mine = client.getsockname()

    await until(lambda: reading.done() or connections_of(server, mine))
    return next(iter(connections_of(server, mine)), None)
