"""500 connections that only cost: the real server as a process, its use of memory, and service for others."""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from support import distributions
from support import server as real_server
from support.access import PUBLISHER
from support.http import auth, form
from support.server import Server

CLIENTS = 500
MEMORY_MIB = 300
LOGIN = base64.b64encode(f"__token__:{PUBLISHER}".encode())
HEADERS = b"GET /simple/ HTTP/1.1\r\nHost: a\r\n"
UPLOAD = (
    b"POST /legacy/ HTTP/1.1\r\nHost: a\r\nAuthorization: Basic " + LOGIN + b"\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
    b'--b\r\nContent-Disposition: form-data; name="content"; filename="a.whl"\r\n\r\n'
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = real_server.start(tmp_path / "server", {"folder": {"path": str(tmp_path / "data")}})
    yield running
    assert running.stop() == 0, running.log.read_text()


def peak_mib(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024


@asynccontextmanager
async def attacked(server: Server, large_file: str) -> AsyncIterator[None]:
    """Trickle headers, trickle uploads, and read nothing of large answers, until the end."""
    download = f"GET {large_file} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    # 84 uploads: with as many as `limits.uploads`, others would have to come back.
    openings = [(UPLOAD, b"x"), *[(HEADERS, b"X: y\r\n")] * 3, *[(download, b"")] * 2]
    attackers = [asyncio.create_task(attack(server, *openings[number % 6])) for number in range(CLIENTS)]
    await asyncio.sleep(2)
    yield
    for each in attackers:
        each.cancel()
    await asyncio.gather(*attackers, return_exceptions=True)


async def attack(server: Server, opening: bytes, drop: bytes) -> None:
    """Come back whenever the server cuts the connection."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(opening)
        try:
            while not writer.is_closing() and reader.exception() is None:
                await asyncio.sleep(0.5)
                writer.write(drop)
        finally:
            writer.close()


async def test_500_slow_clients_cost_little_and_others_are_still_served(server: Server, tmp_path: Path) -> None:
    large = distributions.wheel(tmp_path, module=os.urandom(10_000_000).hex())
    async with aiohttp.ClientSession(headers=auth(PUBLISHER)) as session:

        async def status(method: str, path: str, **options: object) -> int:
            async with session.request(method, server.url + path, **options) as answer:  # type: ignore[arg-type]
                await answer.read()
                return answer.status

        assert await status("POST", "/legacy/", data=form(large)) == 200
        digest = hashlib.sha256(large.read_bytes()).hexdigest()
        async with attacked(server, f"/files/demo/{digest}/{large.name}"):
            for number in range(10):
                reads = await asyncio.gather(*(status("GET", "/simple/demo/") for _ in range(20)))
                assert reads == [200] * 20
                small = distributions.wheel(tmp_path, version=f"2.{number}")
                assert await status("POST", "/legacy/", data=form(small)) == 200
                await asyncio.sleep(1)
            assert await status("GET", "/-/healthz") == 200
    assert peak_mib(server) < MEMORY_MIB, peak_mib(server)
    log = server.log.read_text()
    assert "headers took too long" in log
    assert "Traceback" not in log
