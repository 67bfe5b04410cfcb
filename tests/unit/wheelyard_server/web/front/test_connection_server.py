"""Clients that take too much or too long.

`check` is given the time: only the kernel's deadline is waited for.
"""

import asyncio
import contextlib
import gzip
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import pytest
from aiohttp import web

from support.conversation import connections_of, has_read
from support.patience import let_tasks_run, until
from support.serving import LimitedServer, send_raw, statuses
from wheelyard_server.settings import Limits
from wheelyard_server.web.front.deadlines import MAX_KEEPALIVE_SECONDS
from wheelyard_server.web.front.lane_connection import LaneConnection
from wheelyard_server.web.routes import ROUTES

LIMITS = Limits(connections_per_address=3, header_bytes=5_000, send_seconds=1)


def ignore() -> None:
    """Take note of nothing."""


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HALF = GET[:-2]
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
LARGE_BYTES = 50_000_000
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"

Until = Callable[[Callable[[], bool]], Awaitable[None]]


@dataclass
class Client:
    """One connection, from both of its ends."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connection: LaneConnection
    sent: int = 0

    async def send(self, data: bytes) -> None:
        """Send and wait until the server has read it, or reads nothing."""
        self.writer.write(data)
        self.sent += len(data)
        await until(lambda: has_read(self.connection, self.sent))

    async def is_open(self, *, after: float) -> bool:
        """Let the server check after so many seconds, and return whether the connection is still open."""
        transport = self.connection.transport
        self.connection.check(asyncio.get_running_loop().time() + after)
        await let_tasks_run()
        return transport is not None and not transport.is_closing()


class Service:
    """A small application: it reads bodies, answers at length, and keeps what became of its requests."""

    def __init__(self) -> None:
        self.received = 0
        self.failed: list[type[BaseException]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.app = web.Application()
        self.app.add_routes([web.get("/", self.hello), web.post("/", self.read), web.get("/endless", self.endless)])

    async def hello(self, _request: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def read(self, request: web.Request) -> web.Response:
        await self.go_on.wait()
        try:
            while chunk := await request.content.readany():
                self.received += len(chunk)
        except Exception as error:
            self.failed.append(type(error))
            raise
        return web.Response(text="read")

    async def endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(bytes(1_000_000))
        except Exception as error:
            self.failed.append(type(error))
            raise


@pytest.fixture
async def service() -> Service:
    return Service()


@pytest.fixture
async def server(service: Service) -> AsyncIterator[LimitedServer]:
    running = LimitedServer(service.app, LIMITS)
    await running.start_server()
    yield running
    await running.close()


@pytest.fixture
async def connect(server: LimitedServer) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Client:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writers.append(writer)
        mine = writer.get_extra_info("sockname")
        await until(lambda: connections_of(server, mine))
        (connection,) = connections_of(server, mine)
        return Client(reader, writer, connection)

    yield connect
    for writer in writers:
        writer.close()


Connect = Callable[[], Awaitable[Client]]


async def test_a_new_connection_must_send_its_headers_in_time(connect: Connect) -> None:
    client = await connect()
    assert await client.is_open(after=9)
    assert not await client.is_open(after=11)


async def test_headers_that_trickle_are_cut_off(connect: Connect) -> None:
    client = await connect()
    await client.send(HALF)
    assert await client.is_open(after=9)
    await client.send(b"X-A: b\r\n")
    assert not await client.is_open(after=11)


async def test_the_headers_of_later_requests_have_the_same_deadline_but_waiting_for_them_has_not(
    connect: Connect,
) -> None:
    client = await connect()
    await client.send(GET)
    assert statuses(await client.reader.read(1000)) == [200]
    assert await client.is_open(after=60)
    await client.send(HALF)
    assert await client.is_open(after=9)
    assert not await client.is_open(after=11)


HALVES = {
    "one byte": b"G",
    "no end of the request line": b"GET / HTTP/1.1",
    "no header": b"GET / HTTP/1.1\r\n",
    "half a header": b"GET / HTTP/1.1\r\nHos",
    "all but the last byte": GET[:-1],
    "of a request with a body": POST[:-4],
}
BEFORE = {
    "a request": GET,
    "two requests": GET * 2,
    "a body": POST[:-11] + b"5\r\n\r\nabcde",
    "chunks": CHUNKED + b"0\r\n\r\n",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE.keys())
@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES.keys())
async def test_half_a_header_behind_a_good_request_has_the_same_deadline(
    connect: Connect, before: bytes, half: bytes
) -> None:
    client = await connect()
    await client.send(before + half)
    assert statuses(await client.reader.read(1000))[0] == 200
    assert await client.is_open(after=0)
    assert await client.is_open(after=9)
    assert not await client.is_open(after=11)


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE.keys())
async def test_a_client_with_whole_requests_may_wait_with_the_next(connect: Connect, before: bytes) -> None:
    client = await connect()
    for _ in range(2):
        await client.send(before)
        assert statuses(await client.reader.read(1000))[0] == 200
        assert await client.is_open(after=0)
        assert await client.is_open(after=60)


async def test_a_body_in_several_parts_does_not_count_as_headers(connect: Connect) -> None:
    client = await connect()
    await client.send(POST[:-11] + b"10000\r\n\r\n")
    for _ in range(10):
        await client.send(bytes(1000))
    assert statuses(await client.reader.read(1000)) == [200]
    assert await client.is_open(after=60)


async def test_headers_without_end_are_cut_off(connect: Connect) -> None:
    client = await connect()
    await client.send(HALF)
    sent = 0
    while sent < 10_000 and await client.is_open(after=0):
        await client.send(b"X: " + b"a" * 95 + b"\r\n")
        sent += 100
    assert 4_500 < sent < 5_500


async def test_headers_that_come_at_once_are_no_larger(server: LimitedServer) -> None:
    large = b"Connection: close\r\n" + (b"X: " + b"a" * 95 + b"\r\n") * 55 + b"\r\n"
    assert statuses(await send_raw(server, GET[:-2] + large)) == [431]


@pytest.mark.parametrize(
    "headers", [b"X: " + b"a" * 8200, b"\r\n".join(b"X-%d: b" % number for number in range(101))]
)
async def test_long_lines_and_many_headers_are_refused(server: LimitedServer, headers: bytes) -> None:
    answer = await send_raw(server, GET[:-2] + headers + b"\r\n\r\n")
    assert statuses(answer) in ([400], [])
    assert b"aaaa" not in answer


async def test_a_body_must_come_at_a_minimum_rate(connect: Connect, service: Service) -> None:
    client = await connect()
    await client.send(POST)
    assert await client.is_open(after=0)
    await client.send(bytes(31 * 1024))
    assert await client.is_open(after=31)
    await client.send(bytes(29 * 1024))
    assert await client.is_open(after=60)
    assert not await client.is_open(after=62)
    assert service.received == 60 * 1024
    assert service.failed == [ConnectionResetError]


async def test_a_client_is_not_blamed_while_the_server_does_not_read(connect: Connect, service: Service) -> None:
    service.go_on.clear()
    client = await connect()
    await client.send(POST)
    for _ in range(10):
        client.writer.write(bytes(100_000))
    transport = client.connection.transport
    await until(lambda: transport is not None and not transport.is_reading())
    for seconds in (0, 31, 62, 93):
        assert await client.is_open(after=seconds)
    service.go_on.set()
    assert statuses(await client.reader.read(1000)) == [200]


@pytest.mark.parametrize("damage", [b"x", b"5\r\nabcdefgh", b"-5\r\n", b"\r\n"])
async def test_malformed_chunks_end_the_request(connect: Connect, service: Service, damage: bytes) -> None:
    client = await connect()
    await client.send(CHUNKED)
    assert service.failed == []
    await client.send(damage + b"\r\n" * 3)
    assert client.reader.at_eof() or client.reader.exception()
    assert service.failed == [ConnectionResetError]


async def test_requests_may_follow_each_other_without_waiting_for_answers(server: LimitedServer) -> None:
    whole = CHUNKED + b"0\r\n\r\n"
    answers = await send_raw(server, whole * 3 + GET[:-2] + b"Connection: close\r\n\r\n")
    assert statuses(answers) == [200] * 4


async def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(
    connect: Connect, server: LimitedServer, service: Service
) -> None:
    client = await connect()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    client.writer.write(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
    await until(lambda: not server.connections)
    assert [issubclass(each, ConnectionError) for each in service.failed] == [True]


async def test_nothing_is_decompressed(connect: Connect, service: Service) -> None:
    bomb = gzip.compress(bytes(1_000_000))
    client = await connect()
    await client.send(POST[:-11] + b"%d\r\nContent-Encoding: gzip\r\n\r\n" % len(bomb) + bomb)
    assert statuses(await client.reader.read(1000)) == [200]
    assert service.received == len(bomb)


def test_no_route_serves_a_folder_or_a_websocket() -> None:
    assert all(isinstance(each, web.RouteDef) for each in ROUTES)


async def test_a_connection_that_the_kernel_gave_up_is_a_lost_one_and_no_handler_s_timeout(
    connect: Connect, service: Service
) -> None:
    client = await connect()
    await client.send(POST)
    client.connection.transport._force_close(TimeoutError())  # type: ignore[union-attr]
    await until(lambda: service.failed)
    assert service.failed == [ConnectionResetError]


async def test_connections_per_address_are_limited(connect: Connect, server: LimitedServer) -> None:
    clients = [await connect() for _ in range(3)]
    assert await send_raw(server, GET) == b""
    await clients[0].send(GET)
    assert statuses(await clients[0].reader.read(1000)) == [200]
    clients[0].writer.close()
    await until(lambda: len(server.connections) == 2)
    await connect()


async def test_a_trusted_proxy_is_many_clients(service: Service) -> None:
    async with LimitedServer(service.app, LIMITS, "127.0.0.0/8") as server:
        clients = [await asyncio.open_connection(server.host, server.port) for _ in range(4)]
        for reader, writer in clients:
            writer.write(GET)
            assert statuses(await reader.read(1000)) == [200]
        for _, writer in clients:
            writer.close()


async def test_connections_of_all_addresses_together_are_limited(service: Service) -> None:
    server = LimitedServer(service.app, Limits(connections=2))
    async with server:
        open_ones = [await asyncio.open_connection(server.host, server.port) for _ in range(2)]
        await until(lambda: len(server.connections) == 2)
        assert await send_raw(server, GET) == b""
        for _, writer in open_ones:
            writer.close()


async def test_a_connection_without_requests_is_closed_but_not_one_that_waits_for_its_answer(
    connect: Connect, service: Service
) -> None:
    client = await connect()
    await client.send(GET)
    assert statuses(await client.reader.read(1000)) == [200]
    assert await client.is_open(after=MAX_KEEPALIVE_SECONDS - 5)
    service.go_on.clear()
    await client.send(POST[:-11] + b"1\r\n\r\nx")
    assert await client.is_open(after=MAX_KEEPALIVE_SECONDS + 5)
    service.go_on.set()
    assert statuses(await client.reader.read(1000)) == [200]
    assert await client.is_open(after=MAX_KEEPALIVE_SECONDS + 5)
    assert not await client.is_open(after=2 * MAX_KEEPALIVE_SECONDS + 10)


@pytest.fixture
def large(tmp_path: Path) -> Iterator[FileIO]:
    """Return a file that no socket takes at once."""
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, LARGE_BYTES)
    with FileIO(path) as file:
        yield file


@pytest.mark.parametrize("way", ["aiohttp", "lane", "lane, file"])
async def test_a_connection_that_is_used_between_two_looks_stays_open(
    connect: Connect, large: FileIO, way: str
) -> None:
    client = await connect()
    await client.send(GET)
    assert statuses(await client.reader.read(1000)) == [200]
    for after in (50, 100, 150):
        if way == "aiohttp":
            await client.send(GET)
            assert statuses(await client.reader.read(1000)) == [200]
        elif way == "lane":
            client.connection.send(b"head", b"body")
            assert await client.reader.readexactly(8) == b"headbody"
        else:
            await client.connection.send_file(b"head", large, 1000, ignore)
            assert len(await client.reader.readexactly(1004)) == 1004
        assert await client.is_open(after=after)
    assert await client.is_open(after=150 + MAX_KEEPALIVE_SECONDS - 1)
    assert not await client.is_open(after=150 + MAX_KEEPALIVE_SECONDS + 1)


async def test_a_file_of_the_lane_is_sent_whole(connect: Connect, large: FileIO) -> None:
    client = await connect()
    sending = asyncio.create_task(client.connection.send_file(b"head", large, LARGE_BYTES, ignore))
    assert await client.reader.readexactly(4 + LARGE_BYTES) == b"head" + bytes(LARGE_BYTES)
    assert await sending == LARGE_BYTES
    await client.send(GET)
    assert (await client.reader.readline()).startswith(b"HTTP/1.1 200")


async def test_a_client_that_goes_or_takes_nothing_ends_it(
    connect: Connect, server: LimitedServer, large: FileIO
) -> None:
    gone, idle = await connect(), await connect()
    sending = [
        asyncio.create_task(each.connection.send_file(b"head", large, LARGE_BYTES, ignore)) for each in (gone, idle)
    ]
    await gone.reader.readexactly(100)
    gone.writer.transport.abort()
    for task in sending:
        with pytest.raises((ConnectionError, TimeoutError)):
            await task
    await until(lambda: not server.connections)


async def test_a_part_of_a_file_closes_the_connection(connect: Connect, large: FileIO) -> None:
    client = await connect()
    sending = asyncio.create_task(client.connection.send_file(b"head", large, LARGE_BYTES + 1, ignore))
    with contextlib.suppress(ConnectionError):
        assert len(await client.reader.read(-1)) <= LARGE_BYTES + 4
    assert await sending == LARGE_BYTES
    assert not await client.is_open(after=0)
