"""Each way on which bytes of a file go out counts as a fetch, and nothing else does."""

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest

from support import distributions
from support.access import PUBLISHER, READER
from support.fetch_logs import ALL
from support.http import Client, auth, form
from support.memory_storage import MemoryStorage
from support.mirrored_projects import mirror, never_asked, path_of
from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.catalog_access import Login
from wheelyard_server.app import CATALOG
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.contents.content import SMALL_BYTES, SmallObjects
from wheelyard_server.catalog.contents.redirects import FileRedirects, PresignedUrls
from wheelyard_server.catalog.fetches.counting import FetchCounter
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.settings import Cache, Listener, Performance, Settings
from wheelyard_server.storage.folder import FolderStorage
from wheelyard_server.web.context import CATALOG_ACCESS

Rows = list[tuple[str, str, str, str, int, int]]
"""Filename, user, method, client, fetches and answers with parts."""
PIP = {"User-Agent": "pip/26.1 {}"}


@pytest.fixture(params=[True, False], ids=["lane", "aiohttp"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    made: bool = request.param
    return made


@pytest.fixture(params=["memory", "cache", "folder"])
def place(request: pytest.FixtureRequest) -> str:
    """Say from where large files come: a storage elsewhere, a cache of it, or a folder on this machine."""
    made: str = request.param
    return made


@pytest.fixture
def storage(place: str, tmp_path: Path) -> MemoryStorage | FolderStorage:
    return FolderStorage(tmp_path / "data") if place == "folder" else MemoryStorage()


@pytest.fixture
def settings(settings: Settings, place: str, tmp_path: Path, *, fast_lane: bool) -> Settings:
    return msgspec.structs.replace(
        settings,
        cache=Cache(folder=tmp_path / "cache") if place == "cache" else None,
        performance=Performance(fast_lane=fast_lane),
        upstreams=(never_asked("open-up"),),
        limits=msgspec.structs.replace(settings.limits, file_bytes=10_000_000),
    )


@pytest.fixture(params=[10, 2 * SMALL_BYTES], ids=["small", "large"])
def module(request: pytest.FixtureRequest) -> str:
    return hashlib.shake_128(b"seed").hexdigest(request.param)


@pytest.fixture(params=["local", "mirrored"])
async def url(
    request: pytest.FixtureRequest,
    client: Client,
    storage: MemoryStorage | FolderStorage,
    module: str,
    tmp_path: Path,
) -> str:
    """Return the path of a file that is ready, and was not fetched yet as far as is known."""
    if request.param == "local":
        wheel = distributions.wheel(tmp_path, "secret_a", module=f"x = {module!r}")
        await client.post("/legacy/", data=form(wheel), headers=auth(PUBLISHER))
        path = f"/files/secret-a/{hashlib.sha256(wheel.read_bytes()).hexdigest()}/{wheel.name}"
    else:
        wheel = distributions.wheel(tmp_path, "open_up", module=f"x = {module!r}")
        await mirror(storage, "open-up", wheel)
        path = path_of(wheel)
    # Document and file are young at first, and read from the storage.
    await asyncio.sleep(0.1)
    for _ in range(2):
        await get(client, path)
    counter(client).take()
    return path


async def get(client: Client, path: str, **headers: str) -> int:
    answer = await client.get(path, headers={**auth(READER), **PIP, **headers}, allow_redirects=False)
    await answer.read()
    return answer.status


def catalog(client: Client) -> Catalog:
    return client.server.app[CATALOG]  # type: ignore[attr-defined, no-any-return]


def counter(client: Client) -> FetchCounter:
    return catalog(client).fetches.counter


async def rows(client: Client) -> Rows:
    answer, _ = await catalog(client).fetches.who(ALL, 1)
    return [
        (file.filename, login.user, login.method, family, uses.fetches, uses.parts)
        for file, (login, _, family), uses in answer.rows()
    ]


async def test_each_whole_file_counts_with_its_user_address_and_client(client: Client, url: str) -> None:
    filename = url.rpartition("/")[2]
    for _ in range(3):
        assert await get(client, url) == 200
    assert await rows(client) == [(filename, "web.reader", "token", "pip", 3, 0)]
    (who,) = (await catalog(client).fetches.who(ALL, 1))[0].rows()
    assert who.fetcher.address == "127.0.0.1"
    assert who.file.project == ("secret-a" if url.startswith("/files") else "open-up")
    assert who.file.version == "1.0"
    assert len(who.file.sha256) == 64


async def test_nothing_counts_that_sends_no_byte_of_the_file(client: Client, url: str) -> None:
    etag = (await client.head(url, headers=auth(READER))).headers["ETag"]
    for _ in range(2):
        assert (await client.head(url, headers=auth(READER))).status == 200
        assert await get(client, url, **{"If-None-Match": etag}) == 304
        assert await get(client, url + ".metadata") == 200
        assert await get(client, url, Range="bytes=99999999-") == 416
        assert await get(client, url, Authorization="Bearer x") == 401
        assert await get(client, url.replace("-1.0-", "-9.0-")) == 404
    await get(client, url + ".provenance")
    project = "secret-a" if url.startswith("/files") else "open-up"
    assert await get(client, f"/simple/{project}/") == 200
    assert await rows(client) == []


async def test_ranges_of_an_hour_count_once_and_a_range_of_everything_is_the_whole_file(
    client: Client, url: str
) -> None:
    filename = url.rpartition("/")[2]
    for start in range(20):
        assert await get(client, url, Range=f"bytes={start}-{start + 99}") == 206
    assert await rows(client) == [(filename, "web.reader", "token", "pip", 1, 20)]
    assert await get(client, url, Range="bytes=0-") == 206
    assert await get(client, url, Range="bytes=0-1,5-9") == 200
    assert await rows(client) == [(filename, "web.reader", "token", "pip", 2, 20)]


@pytest.mark.parametrize("place", ["memory", "cache"], indirect=True)
async def test_a_redirect_counts_when_it_is_given_out(client: Client, url: str) -> None:
    async def presign(key: str) -> str:
        return f"https://s3.example.com/{key}"

    redirects = FileRedirects(0, PresignedUrls(presign))
    found = catalog(client)
    found._redirects = found.mirrored._redirects = redirects
    statuses = [await get(client, url) for _ in range(3)]
    found._contents.small = SmallObjects()
    statuses += [await get(client, url) for _ in range(3)]
    assert set(statuses) <= {200, 302}
    assert 302 in statuses
    assert (await client.head(url, headers=auth(READER), allow_redirects=False)).status == 200
    assert [row[4] for row in await rows(client)] == [6]


async def test_a_download_counts_with_its_first_byte_also_if_the_client_goes_away(client: Client, url: str) -> None:
    async with client.get(url, headers=auth(READER)) as answer:
        await answer.content.read(1)
        answer.close()
    assert [row[4] for row in await rows(client)] == [1]


async def test_an_upstreams_file_of_unknown_digest_counts_without_it(client: Client) -> None:
    file = MirroredFile(filename="demo-1.0.tar.gz", version="1.0", path="/demo-1.0.tar.gz")
    access = client.server.app[CATALOG_ACCESS]  # type: ignore[attr-defined]
    guarded = await access.guarded_catalog(Login(None, "192.0.2.7"), Listener.CLUSTER, AuditRecord())
    guarded.record_fetch("demo", file, "uv")
    assert await rows(client) == [("demo-1.0.tar.gz", "", "none", "uv", 1, 0)]
