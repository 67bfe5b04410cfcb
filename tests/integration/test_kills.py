"""`kill -9` before and after every call of an upload: what was promised is kept, and nothing is half there."""

import hashlib
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from support import distributions
from support import server as real_server
from support.access import PUBLISHER
from support.http import auth, form
from support.patience import HANG_SECONDS
from support.server import Server
from wheelyard_server.web.handlers.forms import CHUNK_BYTES

CRASHING = ("support.crashing_server",)
CALLS = [("read", 1), ("store", 1), ("store", 2), ("write", 1)]
"""All that an upload makes; the two in the middle at the same time."""
POINTS = [(method, number, moment) for method, number in CALLS for moment in ("before", "after")]
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


async def publish(server: Server, path: Path) -> int | None:
    """Return the status, or None if the server died."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(f"{server.url}/legacy/", data=form(path), headers=auth(PUBLISHER)) as answer:
                return answer.status
        except aiohttp.ClientError:
            return None


async def downloads(server: Server) -> set[str]:
    """Return the names of all files; each must be there, with its metadata, and be what its digests say."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.get(f"{server.url}/simple/demo/", headers=JSON) as answer:
            files = (await answer.json(content_type=None))["files"]
        for file in files:
            url = f"{server.url}/files/demo/{file['hashes']['sha256']}/{file['filename']}"
            for address, digest in ((url, file["hashes"]), (f"{url}.metadata", file["core-metadata"])):
                async with session.get(address) as answer:
                    assert hashlib.sha256(await answer.read()).hexdigest() == digest["sha256"]
    return {file["filename"] for file in files}


@pytest.mark.parametrize("module", ["", os.urandom(CHUNK_BYTES).hex()], ids=["in memory", "in scratch space"])
@pytest.mark.parametrize("kind", ["folder", "s3"])
async def test_a_server_killed_anywhere_in_an_upload_loses_nothing_and_takes_the_retry(
    tmp_path: Path, storages: dict[str, object], kind: str, module: str
) -> None:
    acknowledged: set[str] = set()
    home = tmp_path / "server"
    for number, (method, call, moment) in enumerate(POINTS):
        path = distributions.wheel(tmp_path, version=f"1.{number}", module=module)
        dying = real_server.start(home, storages[kind], CRASHING, method, str(call), moment)
        try:
            assert await publish(dying, path) is None
        finally:
            dying.process.kill()
        assert dying.process.wait(HANG_SECONDS) == -signal.SIGKILL
        assert any((home / "scratch").iterdir()) is bool(module)
        server = real_server.start(home, storages[kind])
        try:
            assert list((home / "scratch").iterdir()) == []
            if acknowledged:
                assert acknowledged <= await downloads(server) <= acknowledged | {path.name}
            assert await publish(server, path) == 200
            acknowledged.add(path.name)
            assert await downloads(server) == acknowledged
        finally:
            assert server.stop() == 0
