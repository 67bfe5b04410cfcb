"""The server as a process: replicas, reload, and an end that breaks nothing."""

import asyncio
import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cluster.versitygw import free_port
from support import distributions
from support.access import PUBLISHER
from support.http import auth, form
from support.patience import HANG_SECONDS, until
from support.server import Server, StartServer

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


async def publish(server: Server, path: Path) -> int:
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{server.url}/legacy/", data=form(path), headers=auth(PUBLISHER))
        return answer.status


async def filenames(server: Server, project: str) -> list[str]:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{server.url}/simple/{project}/", headers=JSON)
        page = await answer.json(content_type=None)
        return [file["filename"] for file in page["files"]]


@pytest.mark.parametrize("storage", ["folder", "s3"])
async def test_what_one_replica_acknowledged_the_other_shows(
    start_server: StartServer, tmp_path: Path, storage: str
) -> None:
    here, there = start_server(storage), start_server(storage)
    for number in range(10):
        path = distributions.wheel(tmp_path, version=f"1.{number}")
        assert await publish(here if number % 2 else there, path) == 200
        assert path.name in await filenames(there if number % 2 else here, "demo")


async def test_successful_probes_and_scrapes_are_not_logged(start_server: StartServer) -> None:
    server = start_server("folder")
    before = server.log.read_text()
    async with aiohttp.ClientSession() as session:
        for url in (f"{server.url}/-/healthz", f"{server.url}/-/readyz", f"{server.metrics_url}/metrics"):
            assert (await session.get(url)).status == 200
        assert server.log.read_text() == before
        await session.get(f"{server.url}/simple/")
    # The line is written after the answer.
    await until(lambda: '"GET /simple/" 200 ' in server.log.read_text().removeprefix(before))


@pytest.mark.parametrize("storage", ["folder", "s3"])
async def test_one_of_racing_uploads_through_three_replicas_wins(
    start_server: StartServer, tmp_path: Path, storage: str
) -> None:
    replicas = [start_server(storage) for _ in range(3)]
    paths = []
    for number in range(12):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(distributions.wheel(folder, module=f"x = {number}"))
    statuses = await asyncio.gather(*(publish(replicas[i % 3], path) for i, path in enumerate(paths)))
    assert sorted(statuses) == [200] + [409] * 11
    assert await filenames(replicas[0], "demo") == ["demo-1.0-py3-none-any.whl"]


async def test_a_changed_access_file_is_in_force_within_seconds(server: Server, tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path)
    assert await publish(server, path) == 200
    server.access_file.write_text("grants: []")
    async with asyncio.timeout(HANG_SECONDS):
        while await publish(server, path) != 401:
            await asyncio.sleep(0.05)


async def test_running_requests_end_before_the_server_does(server: Server, tmp_path: Path) -> None:
    path = distributions.wheel(tmp_path, module=os.urandom(4_000_000).hex())
    assert await publish(server, path) == 200
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    url = f"{server.url}/files/demo/{digest}/{path.name}"
    async with aiohttp.ClientSession(read_bufsize=2**10) as session:
        download = await session.get(url)
        received = await download.content.readexactly(1000)
        half_sent, go_on = asyncio.Event(), asyncio.Event()
        upload = asyncio.create_task(slow_upload(session, server, tmp_path, half_sent, go_on))
        await half_sent.wait()
        assert await status(server, "/-/readyz") == 200
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(HANG_SECONDS):
            while await status(server, "/-/readyz") == 200:
                await asyncio.sleep(0.01)
        assert server.process.poll() is None
        received += await download.read()
        assert hashlib.sha256(received).hexdigest() == digest
        go_on.set()
        assert await upload == 200
    assert await asyncio.to_thread(server.process.wait, HANG_SECONDS) == 0


async def status(server: Server, path: str) -> int:
    """Return the status of a page on a connection of its own; 0 if the server takes none."""
    try:
        async with aiohttp.ClientSession() as session:
            return (await session.get(f"{server.url}{path}")).status
    except aiohttp.ClientError:
        return 0


async def slow_upload(
    session: aiohttp.ClientSession,
    server: Server,
    tmp_path: Path,
    half_sent: asyncio.Event,
    go_on: asyncio.Event,
) -> int:
    """Upload a file in two halves, the second once it may."""
    filled = form(distributions.wheel(tmp_path, version="2.0"))()
    body = await filled.as_bytes()

    async def halves() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        half_sent.set()
        await go_on.wait()
        yield body[len(body) // 2 :]

    headers = {**auth(PUBLISHER), "Content-Type": filled.content_type}
    answer = await session.post(f"{server.url}/legacy/", data=halves(), headers=headers)
    return answer.status


@pytest.mark.parametrize("storage", ["folder", "s3"])
async def test_another_index_s_storage_is_refused(start_server: StartServer, storage: str) -> None:
    server = start_server(storage)
    config = server.access_file.with_name("index.yaml")
    other = config.read_text().replace("packages/main", "packages/other")
    for url in (server.url, server.external_url, server.metrics_url):
        other = other.replace(url[-5:], str(free_port()))
    config.write_text(other)
    command = [sys.executable, "-m", "wheelyard_server", "serve", "--config", str(config)]
    refused = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert refused.returncode == 1
    assert "belongs to the index 'packages/main'" in refused.stderr


def test_standalone_works_by_copying_the_lines_that_it_prints(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "wheelyard_server", "serve", "--listen", listen],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        lines = _printed_commands(process)
        (tmp_path / "dist").mkdir()
        distributions.wheel(tmp_path / "dist", "demo")
        target = "--target " + shlex.quote(str(tmp_path / "site"))
        for line in (*lines[1:], lines[0].replace("PACKAGE", f"demo {target}")):
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=HANG_SECONDS,
                check=False,
            )
            assert done.returncode == 0, line + done.stdout + done.stderr
        assert (tmp_path / "site/demo.py").exists()
    finally:
        process.terminate()
        assert process.wait(HANG_SECONDS) == 0
        assert process.stdout is not None
        process.stdout.close()


def _printed_commands(process: "subprocess.Popen[str]") -> list[str]:
    """Return the command lines that the server prints: pip install, twine upload, uv publish."""
    assert process.stdout is not None
    lines: list[str] = []
    while len(lines) < 3:
        line = process.stdout.readline()
        assert line, "the server ended early"
        if re.match(r"  (pip|twine|uv) ", line):
            lines.append(line.strip())
    time.sleep(1)
    return lines


async def test_anonymous_reads_inside_and_must_log_in_outside(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("folder")
    assert await publish(server, distributions.wheel(tmp_path)) == 200
    (filename,) = await filenames(server, "demo")
    async with aiohttp.ClientSession() as session:

        async def status(url: str, token: str = "") -> int:
            return (await session.get(url, headers=auth(token) if token else {})).status

        page = await (await session.get(f"{server.url}/simple/demo/", headers=JSON)).json(content_type=None)
        file = page["files"][0]["url"].removeprefix("../..")
        for path in ("/simple/", "/simple/demo/", "/pypi/demo/json", file, f"{file}.metadata", "/api/v1/projects"):
            assert await status(server.url + path) == 200, path
            assert await status(server.external_url + path) == 401, path
            assert await status(server.external_url + path, PUBLISHER) == 200, path
        # Nothing that a client says about itself brings it inside.
        inside = {"Host": server.url.removeprefix("http://"), "X-Forwarded-Port": server.url[-5:]}
        assert (await session.get(f"{server.external_url}/simple/demo/", headers=inside)).status == 401
    assert filename == "demo-1.0-py3-none-any.whl"
