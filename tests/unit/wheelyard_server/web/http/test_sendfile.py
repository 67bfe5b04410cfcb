"""`sendfile` on both event loops, over real sockets."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from support.patience import HANG_SECONDS
from wheelyard_server.web.http import sendfile as sendfile_module
from wheelyard_server.web.http.sendfile import full_packets, sendfile

BODY = os.urandom(20_000_000)
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


@pytest.fixture
def file(tmp_path: Path) -> Iterator[FileIO]:
    (tmp_path / "file").write_bytes(BODY)
    with FileIO(tmp_path / "file") as opened:
        yield opened


class Sender(asyncio.Protocol):
    """Sends a head, the middle of a file, and a tail to every client."""

    def __init__(self, file: FileIO) -> None:
        self.file = file
        self.begun = 0
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.task = asyncio.create_task(self.send(cast("asyncio.WriteTransport", transport)))

    def begin(self) -> None:
        self.begun += 1

    async def send(self, transport: asyncio.WriteTransport) -> None:
        try:
            # More than the kernel takes at once: the file has to wait for it.
            transport.write(b"h" * 10_000_000)
            sent = await sendfile(transport, self.file, 3, len(BODY) - 3, self.begin)
            transport.write(b"tail")
            transport.close()
            self.done.set_result(sent)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.done.set_exception(error)


async def connected(file: FileIO) -> tuple[Sender, asyncio.Server, asyncio.StreamReader, asyncio.StreamWriter]:
    sender = Sender(file)
    server = await asyncio.get_running_loop().create_server(lambda: sender, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    return sender, server, reader, writer


def test_the_bytes_come_after_all_that_was_written_before_and_before_what_is_written_later(
    run: Run, file: FileIO
) -> None:
    async def check() -> None:
        sender, server, reader, writer = await connected(file)
        await asyncio.sleep(0.05)
        received = await reader.read(-1)
        assert received == b"h" * 10_000_000 + BODY[3:-3] + b"tail"
        assert await sender.done == len(BODY) - 6
        assert sender.begun == 1
        writer.close()
        server.close()

    run(check())


def test_a_client_that_goes_away_ends_it(run: Run, file: FileIO) -> None:
    async def check() -> None:
        sender, server, reader, writer = await connected(file)
        await reader.read(11_000_000)
        writer.transport.abort()
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(HANG_SECONDS):
                await sender.done
        server.close()

    run(check())


def test_packets_are_filled_until_the_end_whatever_happens_before_it(run: Run) -> None:
    async def check() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        socket_ = writer.get_extra_info("socket")

        def is_corked() -> int:
            return cast("int", socket_.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK))

        with full_packets(writer.transport):
            assert is_corked()
        assert not is_corked()
        with pytest.raises(FileNotFoundError), full_packets(writer.transport):
            raise FileNotFoundError
        assert not is_corked()
        with full_packets(writer.transport):
            writer.transport.abort()
            await asyncio.sleep(0.01)
        server.close()

    run(check())


def test_a_file_that_became_shorter_raises_an_error(run: Run, file: FileIO, tmp_path: Path) -> None:
    async def check() -> None:
        sender, server, reader, writer = await connected(file)
        received = await reader.read(-1)
        assert len(received) == 10_000_000 + 997 + 4
        assert await sender.done == 997
        writer.close()
        server.close()

    os.truncate(tmp_path / "file", 1000)
    run(check())


def test_a_client_that_ends_its_half_and_takes_nothing_is_left(
    run: Run, file: FileIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sendfile_module, "CHECK_SECONDS", 0.01)

    async def main() -> None:
        sender, server, _, writer = await connected(file)
        writer.write_eof()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(sender.done, HANG_SECONDS)
        writer.close()
        server.close()

    run(main())
