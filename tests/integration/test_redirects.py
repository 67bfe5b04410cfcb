"""Downloads by redirects to a real S3, with the real clients.

S3 is behind a proxy that sees what clients send there: AWS refuses a login together with a
signature, versitygw does not. It has another host name than the index, as docs/operations.md wants:
pipenv sends its login to any port of a host.
"""

import asyncio
import hashlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import boto3
import pytest

from clients.command import Done, output, run
from clients.environments import UV
from clients.installers import INSTALLERS, Install, installed, pip, uv
from clients.matrix import with_clients
from cluster.versitygw import S3Server
from support import distributions
from support import server as real_server
from support.access import PUBLISHER, READER
from support.http import auth, form
from support.proxy import counting_proxy
from support.server import Server


class Bucket:
    """The bucket as clients see it, and the server that sends them there."""

    def __init__(self, name: str, server: Server, endpoint: str) -> None:
        self.name = name
        self.server = server
        self.endpoint = endpoint
        self.sent = bytearray()
        """What clients sent to S3."""

    @property
    def downloads(self) -> int:
        """Return how often a file was asked for there."""
        return len(re.findall(rb"^GET /\S+\.whl\?\S*X-Amz-Signature=", self.sent, re.MULTILINE))

    def overwrite(self, other: Path) -> None:
        """Put other bytes in the place of the only wheel."""
        (key,) = (
            each["Key"]
            for each in boto3.client("s3").list_objects_v2(Bucket=self.name)["Contents"]
            if each["Key"].endswith(".whl")
        )
        boto3.client("s3").put_object(Bucket=self.name, Key=key, Body=other.read_bytes())

    async def location(self, path: str) -> str:
        """Return where the server sends a reader."""
        async with aiohttp.ClientSession() as session:
            url = f"{self.server.url}{path}"
            answer = await session.get(url, headers=auth(READER), allow_redirects=False)
            assert answer.status == 302, await answer.text()
            return answer.headers["Location"]


@asynccontextmanager
async def redirecting(folder: Path, s3_server: S3Server, bucket: str, **redirects: object) -> AsyncIterator[Bucket]:
    """Run a server that asks S3 itself and sends its clients to the proxy."""
    storage = {"s3": {"bucket": bucket, "prefix": "team/", "endpoint": s3_server.endpoint}}
    async with counting_proxy(s3_server.endpoint) as proxy:
        endpoint = proxy.url.replace("127.0.0.1", "localhost")
        more = {"redirects": {"minBytes": 0, "cluster": {"endpoint": endpoint}, **redirects}}
        server = await asyncio.to_thread(real_server.start, folder / "server", storage, more=more)
        found = Bucket(bucket, server, endpoint)
        proxy.before_sending = found.sent.extend
        try:
            yield found
        finally:
            assert await asyncio.to_thread(server.stop) == 0, server.log.read_text()


@pytest.fixture
async def index(tmp_path: Path, s3_server: S3Server, bucket: str) -> AsyncIterator[Bucket]:
    async with redirecting(tmp_path, s3_server, bucket) as found:
        yield found


@pytest.fixture
async def wheel(index: Bucket, tmp_path: Path) -> Path:
    made = distributions.wheel(tmp_path, "secret_a", "1.0+local", extra="Requires-Python: >=3.9\n")
    variables = {"UV_PUBLISH_URL": f"{index.server.url}/legacy/", "UV_PUBLISH_TOKEN": PUBLISHER}
    done = await asyncio.to_thread(run, UV, "publish", made, cwd=tmp_path, variables=variables)
    assert done.returncode == 0, output(done)
    return made


@pytest.fixture
def path(wheel: Path) -> str:
    """Return the path of the wheel on the server."""
    return f"/files/secret-a/{hashlib.sha256(wheel.read_bytes()).hexdigest()}/{wheel.name.replace('+', '%2B')}"


async def installing(install: Install, index: Bucket, home: Path, *arguments: str) -> Done:
    home.mkdir(exist_ok=True)
    url = f"{index.server.url_of(READER)}/simple/"
    return await asyncio.to_thread(install, home, url, *arguments)


@pytest.mark.usefixtures("wheel")
@with_clients("install", INSTALLERS)
async def test_every_client_follows_and_keeps_its_login_to_itself(
    index: Bucket, tmp_path: Path, install: Install
) -> None:
    home = tmp_path / "home"
    done = await installing(install, index, home, "secret-a")
    assert done.returncode == 0, output(done)
    assert installed(home)["secret-a"] == "1.0+local"
    assert index.downloads >= 1
    assert set(index.server.statuses("GET /files/secret-a/")) <= {200, 302}
    assert b"authorization" not in index.sent.lower()
    assert READER.encode() not in index.sent


@pytest.mark.parametrize("wanted", ["bytes=0-9", "bytes=10-", "bytes=-7"])
async def test_a_part_is_the_clients_own_affair_with_s3(index: Bucket, wheel: Path, path: str, wanted: str) -> None:
    first, last = wanted.removeprefix("bytes=").split("-")
    part = slice(int(first), int(last) + 1 if last else None) if first else slice(-int(last), None)
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{index.server.url}{path}", headers={**auth(READER), "Range": wanted})
        assert f"http://{answer.url.authority}" == index.endpoint
        assert (answer.status, await answer.read()) == (206, wheel.read_bytes()[part])


async def test_a_url_is_for_its_file_alone_and_in_no_log(index: Bucket, path: str) -> None:
    location = await index.location(path)
    signature = parse_qs(urlsplit(location).query)["X-Amz-Signature"][0]
    async with aiohttp.ClientSession() as session:
        for changed, status in ((location, 200), (location.replace("/secret-a/", "/secret-b/"), 403)):
            assert (await session.get(changed)).status == status
    log = index.server.log.read_text()
    assert 302 in index.server.statuses("GET /files/secret-a/")
    assert signature not in log
    assert "X-Amz" not in log


@pytest.mark.usefixtures("wheel")
@with_clients("install", INSTALLERS, ("pip", "uv", "poetry", "pdm"))
async def test_bytes_that_changed_in_the_bucket_are_found_by_the_client(
    index: Bucket, tmp_path: Path, install: Install
) -> None:
    """What the server sends itself it compares; of a redirect's bytes it never sees one."""
    home = tmp_path / "home"
    home.mkdir()
    other = distributions.wheel(home, "secret_a", "1.0+local", module="evil = 1\n")
    await asyncio.to_thread(index.overwrite, other)
    done = await installing(install, index, home, "secret-a")
    assert index.downloads >= 1
    assert done.returncode != 0
    assert re.search("(?i)hash", output(done)), output(done)
    assert "secret-a" not in installed(home)


@pytest.mark.usefixtures("wheel")
@pytest.mark.parametrize(("install", "downloads"), [(pip, 2), (uv, 1)], ids=["pip", "uv"])
async def test_pip_caches_signed_urls_without_reusing_them_and_uv_caches_by_file(
    index: Bucket, tmp_path: Path, install: Install, downloads: int
) -> None:
    home = tmp_path / "home"
    # Over plain HTTP, pip keeps only what comes from hosts that are trusted.
    hosts = (urlsplit(index.server.url).netloc, urlsplit(index.endpoint).netloc)
    trusted = [option for host in hosts for option in ("--trusted-host", host)] if install is pip else []
    for _ in range(2):
        done = await installing(install, index, home, *trusted, "secret-a")
        assert done.returncode == 0, output(done)
        shutil.rmtree(home / ".venv")
    assert index.downloads == downloads


async def test_each_listener_has_its_own_and_its_own_endpoint(
    tmp_path: Path, s3_server: S3Server, bucket: str
) -> None:
    large = {"minBytes": 1_000_000, "cluster": {}, "external": {"endpoint": "https://s3.example"}}
    async with redirecting(tmp_path, s3_server, bucket, **large) as index:
        small = distributions.wheel(tmp_path, "demo")
        noise = f"x = {os.urandom(1_000_000)!r}"
        wheel = distributions.wheel(tmp_path, "demo", "2.0", module=noise)
        urls = [await publish(index.server, each) for each in (small, wheel)]
        async with aiohttp.ClientSession() as session:
            answer = await session.get(index.server.url + urls[0], allow_redirects=False)
            assert (answer.status, await answer.read()) == (200, small.read_bytes())
            answer = await session.get(index.server.url + urls[1])
            assert (answer.url.port, await answer.read()) == (
                urlsplit(s3_server.endpoint).port,
                wheel.read_bytes(),
            )
            outside = index.server.external_url + urls[1]
            answer = await session.get(outside, headers=auth(PUBLISHER), allow_redirects=False)
            assert answer.headers["Location"].startswith(f"https://s3.example/{bucket}/team/files/demo/")
            assert (await session.get(outside, allow_redirects=False)).status == 401


async def publish(server: Server, path: Path) -> str:
    """Upload a file and return its path on a server."""
    async with aiohttp.ClientSession() as session:
        answer = await session.post(f"{server.url}/legacy/", data=form(path), headers=auth(PUBLISHER))
        assert answer.status == 200, await answer.text()
    return f"/files/demo/{hashlib.sha256(path.read_bytes()).hexdigest()}/{path.name}"
