"""What works on each S3 server: the table of docs/recipes/s3-compatible.md."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from cluster.versitygw import S3Server
from s3_servers.products import PRODUCTS, Product, client_of, running
from support import distributions
from support import server as real_server
from support.access import PUBLISHER
from support.catalogs import DEMO, listed, publish
from support.http import auth, form
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.ownership import take_ownership
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.errors import UnsafeStorageError
from wheelyard_server.maintenance.events import Event, Finding, Foreign, Unreferenced
from wheelyard_server.maintenance.gc import Collector
from wheelyard_server.maintenance.verify import StorageVerifier
from wheelyard_server.settings import S3
from wheelyard_server.storage import layout, s3
from wheelyard_server.storage.s3 import S3Storage

PROJECTS = 2100
"""More than two answers of a LIST have."""


@dataclass
class Place:
    """A running server, of which each test takes a bucket of its own."""

    product: Product
    server: S3Server
    made: int = 0

    def bucket(self) -> str:
        self.made += 1
        name = f"packages-{self.made}"
        client_of(self.server).create_bucket(Bucket=name)
        return name


@pytest.fixture(scope="module", params=PRODUCTS, ids=lambda product: product.name)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with pytest.MonkeyPatch.context() as patch, running(request.param, tmp_path_factory.mktemp("s3")) as server:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        yield Place(request.param, server)


@pytest.fixture
async def storage(place: Place) -> AsyncIterator[S3Storage]:
    made = s3.connect(S3(bucket=place.bucket(), prefix="team/", endpoint=place.server.endpoint))
    yield made
    assert made.conditional_gets is not None
    made.conditional_gets.close()
    await asyncio.sleep(0)


async def events(storage: S3Storage) -> list[Event]:
    found: list[Event] = []
    await StorageVerifier(storage, found.append).run()
    return found


async def collect(storage: S3Storage) -> list[Event]:
    found: list[Event] = []
    # Not all of them have the time of day that this machine has.
    now = datetime.now(UTC) + timedelta(days=2)
    await Collector(storage, found.append, now, timedelta(hours=1)).run()
    return found


async def problems(storage: S3Storage) -> list[Event]:
    return [each for each in await events(storage) if isinstance(each, Finding | Foreign | Unreferenced)]


async def test_whether_conditional_writes_are_atomic_is_found_out_and_remembered(
    place: Place, storage: S3Storage
) -> None:
    found = {await is_safe(storage) for _ in range(2)}
    assert len(found) == 1
    assert place.product.is_safe in (None, *found)
    # rclone removes folders that it takes for empty, and may refuse a DELETE meanwhile.
    await collect(storage)
    assert [each.key async for each in storage.list(layout.PROBES) if each.size] == []
    (verdict,) = [each.key async for each in storage.list(layout.CONDITIONAL_WRITES) if each.size]
    assert verdict == layout.verdict(await storage.remote_server(), is_safe=found.pop())


async def is_safe(storage: S3Storage) -> bool:
    try:
        await WriteSafety(storage).check()
    except UnsafeStorageError:
        return False
    return True


async def test_a_server_on_a_new_bucket_is_ready_and_takes_uploads_where_that_is_safe(
    place: Place, tmp_path: Path
) -> None:
    where = {"s3": {"bucket": place.bucket(), "endpoint": place.server.endpoint}}
    path = distributions.wheel(tmp_path)
    async with aiohttp.ClientSession() as session:
        with real_server.running(tmp_path / "server", where) as server:
            post = session.post(f"{server.url}/legacy/", data=form(path), headers=auth(PUBLISHER))
            async with post as answer:
                taken = answer.status == 200
                assert taken or answer.status == 503, await answer.text()
                assert place.product.is_safe in (None, taken)
            async with session.get(f"{server.url}/simple/demo/") as answer:
                assert answer.status == (200 if taken else 404)


async def test_publishing_reading_editing_and_deleting(storage: S3Storage, tmp_path: Path) -> None:
    """One after the other, by two replicas: what the server can do whether its conditional writes race or not."""
    await take_ownership(storage, "packages/main")
    here, there = Catalog(storage), Catalog(storage)
    assert not list(await there.projects())
    await publish(storage, tmp_path, "1.0", "2.0")
    await publish(storage, tmp_path, "1.0", name="other")
    assert [(each.name, each.version) for each in await there.projects()] == [("demo", "2.0"), ("other", "1.0")]
    await publish(storage, tmp_path, "3.0")
    assert [each.version for each in await there.projects()] == ["3.0", "1.0"]
    assert len(await listed(storage)) == 3
    await here.yank(DEMO, Selection(filename="demo-2.0-py3-none-any.whl"), "broken")
    assert [file.yanked for file in (await there.project(DEMO)).project.files] == [None, "broken", None]
    file = (await there.project(DEMO)).project.files[0]
    for start, end in ((0, 10), (10, 20), (file.size - 100, file.size)):
        part = await storage.open(layout.content(DEMO, file), start, end)
        assert len(b"".join([chunk async for chunk in part])) == end - start
    assert await problems(storage) == []
    await here.delete(DEMO, Selection(filename="demo-3.0-py3-none-any.whl"))
    assert [each.version for each in await there.projects()] == ["1.0", "1.0"]


async def test_garbage_is_collected_and_nothing_of_the_server_is_in_the_way(
    storage: S3Storage, tmp_path: Path
) -> None:
    await take_ownership(storage, "packages/main")
    await publish(storage, tmp_path, "1.0", "2.0")
    await Catalog(storage).delete(DEMO, Selection(filename="demo-2.0-py3-none-any.whl"))
    found = await collect(storage)
    assert not [each for each in found if isinstance(each, Finding | Foreign)]
    assert await problems(storage) == []
    assert len([each async for each in storage.list(layout.FILES) if each.size]) == 3
    assert list(await listed(storage)) == ["demo-1.0-py3-none-any.whl"]


async def test_long_lists_have_each_key_once(storage: S3Storage) -> None:
    wanted = [layout.document(f"p{number:04}") for number in range(PROJECTS)]
    limit = asyncio.Semaphore(16)

    async def store(key: str) -> None:
        async with limit:
            await storage.store({key: b"{}"})

    await asyncio.gather(*map(store, wanted))
    for cuts in ((), (wanted[700], wanted[1400])):
        assert [each.key async for each in storage.list(layout.DOCUMENTS, cuts=cuts)] == wanted
