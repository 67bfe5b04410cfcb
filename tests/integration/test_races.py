"""32 uploads of one filename at the same time, through three real servers on a real S3."""

import asyncio
import hashlib
from pathlib import Path

import aiohttp

from support import distributions
from support.access import PUBLISHER
from support.http import auth, form
from support.server import Server, StartServer

UPLOADS = 32
REPLICAS = 3
ROUNDS = 5
"""Rounds of each kind. The figures in docs/reliability.md are of more."""
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


async def race(replicas: list[Server], paths: list[Path]) -> list[int]:
    """Upload all files at once, and return the statuses."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def publish(number: int, path: Path) -> int:
            url = f"{replicas[number % len(replicas)].url}/legacy/"
            async with session.post(url, data=form(path), headers=auth(PUBLISHER)) as answer:
                return answer.status

        return await asyncio.gather(*(publish(number, path) for number, path in enumerate(paths)))


async def offered(server: Server, filename: str) -> bytes:
    """Return the bytes of a file, which its project's page lists once and under the digest of these bytes."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/simple/demo/", headers=JSON) as answer:
            files = (await answer.json(content_type=None))["files"]
        (file,) = (each for each in files if each["filename"] == filename)
        url = f"{server.url}/files/demo/{file['hashes']['sha256']}/{filename}"
        async with session.get(url) as answer:
            body = await answer.read()
    assert hashlib.sha256(body).hexdigest() == file["hashes"]["sha256"]
    return body


async def test_identical_uploads_all_succeed_and_store_one_content(
    start_server: StartServer, tmp_path: Path
) -> None:
    replicas = [start_server("s3") for _ in range(REPLICAS)]
    for number in range(ROUNDS):
        path = distributions.wheel(tmp_path, version=f"1.{number}")
        assert await race(replicas, [path] * UPLOADS) == [200] * UPLOADS
        for server in replicas:
            assert await offered(server, path.name) == path.read_bytes()


async def test_exactly_one_of_uploads_with_different_bytes_wins(start_server: StartServer, tmp_path: Path) -> None:
    replicas = [start_server("s3") for _ in range(REPLICAS)]
    for number in range(ROUNDS):
        paths = []
        for uploader in range(UPLOADS):
            folder = tmp_path / f"{number}-{uploader}"
            folder.mkdir()
            paths.append(distributions.wheel(folder, version=f"1.{number}", module=f"x = {uploader}"))
        statuses = await race(replicas, paths)
        assert sorted(statuses) == [200] + [409] * (UPLOADS - 1)
        winner = paths[statuses.index(200)]
        for server in replicas:
            assert await offered(server, winner.name) == winner.read_bytes()
