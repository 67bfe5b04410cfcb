"""Clients that ask and do not read: what is held for them is counted in bytes."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
from aiohttp.http import StreamWriter

from support.access import READER
from support.http import auth
from support.large import large_project, put_large_project
from support.memory_storage import MemoryStorage
from support.patience import until
from support.serving import LimitedServer, send_raw
from wheelyard_server import app
from wheelyard_server.settings import Settings
from wheelyard_server.web.front.unsent import PIECE_BYTES, UNSENT, InPieces, Unsent
from wheelyard_server.web.http.lifecycle import LIFECYCLE

MIB = 1024 * 1024
BUDGET = MIB
CLIENTS = 10
FILES = 1000
SLACK = 4 * PIECE_BYTES
"""For each connection: pieces on their way, headers."""


def test_each_address_and_all_together_have_a_budget() -> None:
    unsent = Unsent(10, 4)
    one, two, three = b"aaa", b"bbb", b"ccc"
    with unsent.held("a", one):
        assert unsent.has_room("a", one), "the same body is there once"
        assert not unsent.has_room("a", two)
        with unsent.held("b", two), unsent.held("c", three), unsent.held("c", three):
            assert unsent.size == 9
            assert not unsent.has_room("d", b"ddd")
            assert unsent.has_room("d", b"d")
    assert unsent.size == 0
    assert unsent.has_room("a", bytes(100)), "one is sent, however large it is"
    with unsent.held("a", bytes(100)):
        assert not unsent.has_room("b", b"b")
    assert not unsent._of_address


@pytest.fixture(params=[True, False], ids=["fast lane", "aiohttp"])
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    limits = msgspec.structs.replace(settings.limits, unsent_bytes=2 * BUDGET, unsent_bytes_per_address=BUDGET)
    performance = msgspec.structs.replace(settings.performance, fast_lane=request.param)
    return msgspec.structs.replace(settings, limits=limits, performance=performance)


@pytest.fixture
async def server(settings: Settings, storage: MemoryStorage) -> AsyncIterator[LimitedServer]:
    application = app.build(settings, storage)
    application[LIFECYCLE].started = True
    for number in range(CLIENTS):
        await put_large_project(storage, large_project(f"open-{number}", FILES))
    running = LimitedServer(application, settings.limits, "127.0.0.0/8")
    async with running:
        assert running.runner is not None
        for site in running.runner.sites:
            for listening in site._server.sockets:  # type: ignore[union-attr]
                # Inherited: what the kernel takes is not held by the process.
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        yield running


@contextlib.contextmanager
def connected(server: LimitedServer) -> Iterator[socket.socket]:
    """Connect a client that reads little of its answers."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((server.host, server.port))
        client.setblocking(False)
        yield client


def request(path: str, number: int, address: str) -> bytes:
    headers = {"Host": f"{number}.example", "X-Forwarded-For": address, **auth(READER)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path.format(number=number)} HTTP/1.1\r\n{lines}\r\n".encode()


def held(server: LimitedServer) -> int:
    """Return how many bytes the process keeps for clients: bodies, and copies of them in connections."""
    wires = [each._wire for each in server.connections if each._wire is not None]
    return server.app[UNSENT].size + sum(wire.get_write_buffer_size() for wire in wires)


def last(request: bytes) -> bytes:
    return request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


async def answer_to(server: LimitedServer, request: bytes) -> tuple[bytes, bytes]:
    """Return head and body."""
    head, _, body = (await send_raw(server, last(request))).partition(b"\r\n\r\n")
    return head, body


PATHS = {
    "/pypi/open-0/json": True,
    "/simple/open-{number}/": True,
    "/api/v1/projects/open-0": True,
    "/simple/open-0/": False,
}
"""What many ask for, and whether each gets a body of its own."""


@pytest.mark.parametrize(("path", "own"), PATHS.items())
async def test_clients_that_read_nothing_hold_no_more_than_the_budget(
    server: LimitedServer, path: str, *, own: bool
) -> None:
    loop = asyncio.get_running_loop()
    for number in range(CLIENTS):  # Then the lane has them.
        assert b" 200 " in (await answer_to(server, request(path, number, "192.0.2.1")))[0]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(CLIENTS)]
        for number, client in enumerate(clients):
            await loop.sock_sendall(client, request(path, number, "192.0.2.1"))
        answers = [(await loop.sock_recv(client, 16)).decode().split()[1] for client in clients]
        assert set(answers) == ({"200", "503"} if own else {"200"})
        # uvloop's connections keep references to a shared body. asyncio's copy it before Python
        # 3.12.
        assert (held(server) if own else server.app[UNSENT].size) <= BUDGET + CLIENTS * SLACK
        other = stack.enter_context(connected(server))
        await loop.sock_sendall(other, request(path, 0, "192.0.2.2"))
        assert b" 200 " in await loop.sock_recv(other, 16), "another address has a budget of its own"
    await until(lambda: not server.app[UNSENT].size)


async def test_a_body_is_counted_once_if_the_head_before_it_was_too_much(server: LimitedServer) -> None:
    unsent, two = server.app[UNSENT], b"2" * MIB
    with connected(server):
        await until(lambda: server.connections)
        (connection,) = server.connections
        assert connection._wire is not None
        connection._wire.set_write_buffer_limits(high=4 * MIB)
        connection.send(b"head", b"1" * MIB, "192.0.2.1")
        connection._wire.set_write_buffer_limits(high=connection._wire.get_write_buffer_size())
        connection.send(b"head", two, "192.0.2.2")
        assert not unsent.has_room("192.0.2.2", b"another")
        assert unsent.has_room("192.0.2.2", two), "it is this that the client has not taken"
    await until(lambda: not server.connections)
    assert unsent.size == 0
    assert not unsent._of_address


async def test_a_connection_keeps_no_body_that_its_client_has_taken(server: LimitedServer) -> None:
    body = os.urandom(1000)
    with connected(server):
        await until(lambda: server.connections)
        (connection,) = server.connections
        before = sys.getrefcount(body)
        connection.send(b"head", body, "192.0.2.1")
        assert sys.getrefcount(body) == before + 1, "it would be counted if the client did not take it"
        connection.check(asyncio.get_running_loop().time())
        assert sys.getrefcount(body) == before


def test_a_body_is_written_at_once_only_if_it_is_small_and_the_only_one_of_its_address() -> None:
    unsent, small, large = Unsent(40, 32), b"abcd", b"abcde"
    assert unsent.has_room_at_once("a", small)
    assert not unsent.has_room_at_once("a", large)
    with unsent.held("a", memoryview(small)):
        assert not unsent.has_room_at_once("a", small)
        assert unsent.has_room_at_once("b", small)
        with unsent.held("b", memoryview(small)):
            assert unsent.size == 8, "the connections of both may have copied it"
            with unsent.held("c", bytes(30)):
                assert not unsent.has_room_at_once("d", small)
    assert unsent.size == 0


class Written(StreamWriter):
    """Notes the pieces of a body, and what is held while each is written."""

    def __init__(self, unsent: Unsent) -> None:
        self.unsent = unsent
        self.pieces: list[tuple[int, int]] = []

    async def write(self, chunk: Any, *, drain: bool = True, LIMIT: int = 0) -> None:  # noqa: ARG002, N803
        self.pieces.append((memoryview(chunk).nbytes, self.unsent.size))

    async def drain(self) -> None:
        pass


@pytest.mark.parametrize("is_only", [True, False])
async def test_the_only_body_of_an_address_is_written_at_once_and_others_in_pieces(*, is_only: bool) -> None:
    unsent, body = Unsent(100 * MIB, MIB), bytes(2 * PIECE_BYTES)
    written = Written(unsent)
    with unsent.held("b" if is_only else "a", body):
        await InPieces(body, unsent, "a").write(written)
    # A shared body counts once. A body that is written at once counts as a copy.
    expected = [(2 * PIECE_BYTES, 4 * PIECE_BYTES)] if is_only else [(PIECE_BYTES, 2 * PIECE_BYTES)] * 2
    assert written.pieces == expected
    assert unsent.size == 0


async def test_a_large_answer_is_the_same_as_ever(server: LimitedServer) -> None:
    head, body = await answer_to(server, request("/simple/open-1/", 1, "192.0.2.1"))
    assert len(body) > 3 * PIECE_BYTES
    assert f"content-length: {len(body)}\r\n".encode() in head.lower()
    assert b"transfer-encoding" not in head.lower()
    of_head, nothing = await answer_to(server, request("/simple/open-1/", 1, "192.0.2.1").replace(b"GET", b"HEAD"))
    assert (nothing, f"content-length: {len(body)}\r\n".encode() in of_head.lower()) == (b"", True)
