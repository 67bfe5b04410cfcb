"""Large files from a real S3, through the cache."""

import asyncio
import hashlib
import io
import os
import re
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from cluster.versitygw import S3Server
from support import distributions
from support import server as real_server
from support.access import PUBLISHER
from support.http import auth, form
from support.proxy import counting_proxy
from support.server import Server

MB = 10**6
FILE_BYTES = 100 * MB
CLIENTS = 20


def large_sdist(folder: Path) -> Path:
    """Write an sdist of some more than `FILE_BYTES`."""
    path = folder / "demo-1.0.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, body in (
            ("PKG-INFO", distributions.metadata("demo", "1.0").encode()),
            ("data", os.urandom(FILE_BYTES)),
        ):
            member = tarfile.TarInfo(f"demo-1.0/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return path


async def publish(server: Server, path: Path) -> str:
    """Upload a file and return its path on a server."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{server.url}/legacy/", data=form(path), headers=auth(PUBLISHER))
        assert answer.status == 200, await answer.text()
    return f"/files/demo/{digest}/{path.name}"


async def digest_of(url: str) -> str:
    digest = hashlib.sha256()
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        async for block in answer.content.iter_chunked(MB):
            digest.update(block)
    return digest.hexdigest()


async def leave_in_the_middle(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        await answer.content.readexactly(MB)


@asynccontextmanager
async def running(home: Path, storage: object) -> AsyncIterator[Server]:
    """Run a server, without stopping the proxy that it needs."""
    server = await asyncio.to_thread(real_server.start, home, storage)
    try:
        yield server
    finally:
        assert await asyncio.to_thread(server.stop) == 0, server.log.read_text()


def peak_memory(server: Server) -> int:
    """Return the most bytes that the server ever had resident."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


async def test_twenty_clients_at_once_cost_one_read_of_s3_and_little_memory(
    tmp_path: Path, s3_server: S3Server, bucket: str
) -> None:
    async with counting_proxy(s3_server.endpoint) as proxy:
        storage = {"s3": {"bucket": bucket, "endpoint": proxy.url}}
        async with running(tmp_path / "uploads", storage) as server:
            path = await publish(server, large_sdist(tmp_path))
        async with running(tmp_path / "downloads", storage) as server:
            url = f"{server.url}{path}"
            at_rest, proxy.received = peak_memory(server), 0
            *digests, _ = await asyncio.gather(*[digest_of(url) for _ in range(CLIENTS)], leave_in_the_middle(url))
            assert set(digests) == {path.split("/")[3]}
            assert FILE_BYTES < proxy.received < 1.1 * FILE_BYTES
            again = await asyncio.gather(*[digest_of(url) for _ in range(CLIENTS)], leave_in_the_middle(url))
            assert again[:-1] == digests
            assert proxy.received < 1.1 * FILE_BYTES
            # Each of the clients may hold some chunks, and none the file.
            assert peak_memory(server) - at_rest < 60 * MB
            assert "Traceback" not in server.log.read_text()
