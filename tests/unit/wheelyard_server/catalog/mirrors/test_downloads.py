"""Downloads of mirrored files through the catalog: found by their path, decided, fetched, kept and redirected."""

import io
import os
import zipfile
from dataclasses import replace
from io import FileIO
from pathlib import Path

import pytest

from support import distributions
from support.contents import received
from support.fake_upstream import FakeTime, FakeUpstream, configured, page_file
from support.memory_storage import MemoryStorage
from support.patience import until
from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.contents.cache import FileCache
from wheelyard_server.catalog.contents.redirects import FileRedirects, PresignedUrls
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.catalog.mirrors.budget import RESERVED_FOR, STORED_WITHIN
from wheelyard_server.catalog.mirrors.contents import Space
from wheelyard_server.catalog.mirrors.mirrors import Upstreams
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.scratch_budget import ScratchBudget
from wheelyard_server.catalog.stored_project import MirroredSource
from wheelyard_server.errors import (
    NotFoundError,
    UnsafeStorageError,
    UpstreamBytesError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Listener
from wheelyard_server.storage import Storage

NAME = NormalizedName("demo")
WHEEL = "demo-1.0-py3-none-any.whl"
PATH = f"packages/{WHEEL}"
URL = f"https://files.example.com/{PATH}"


class World:
    """An upstream with one wheel, and replicas that mirror it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.storage = MemoryStorage()
        self.time = FakeTime()
        self.upstream = FakeUpstream()
        self.body = distributions.wheel(folder, module=os.urandom(200_000).hex()).read_bytes()
        self.upstream.files[URL] = self.body
        self.upstream.put("demo", page_file(WHEEL, self.body))

    def catalog(self, storage: Storage | None = None, policy: Policy = Policy()) -> Catalog:  # noqa: B008 - frozen
        scratch = Scratch(self.folder / "scratch", 10**9)
        return Catalog(
            storage or self.storage,
            replace(
                policy,
                upstreams=Upstreams((configured(self.upstream),), clock=self.time.monotonic),
                space=Space(scratch, ScratchBudget(10**9), 10**9),
            ),
            self.time.now,
            FileCache(self.folder / "cache", 10**8, VerifiedFiles(), self.time.now),
            may_raise_format=lambda: True,
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def found(catalog: Catalog) -> MirroredSource:
    return await catalog.mirrored.find(NAME, "up", PATH)


async def settled(catalog: Catalog) -> None:
    assert catalog.mirrored._known_downloads is not None
    downloads = catalog.mirrored._known_downloads
    await until(lambda: not downloads.extracting and not downloads._files._fills.running)


async def test_a_file_is_found_by_its_path_before_its_page_was_read(world: World) -> None:
    """T42."""
    catalog = world.catalog()
    opened = await catalog.mirrored.open(await found(catalog))
    assert opened.size == len(world.body)
    assert await received(opened.content) == world.body
    await settled(catalog)
    await catalog.mirrored.measure_kept()
    assert (catalog.mirrored.kept.size or 0) >= len(world.body)


async def test_a_kept_file_is_served_when_its_page_is_too_old(world: World) -> None:
    """U12: `freshness.stale` ends pages, not files."""
    catalog = world.catalog()
    await received((await catalog.mirrored.open(await found(catalog))).content)
    await settled(catalog)
    world.upstream.fail()
    world.time.sleep(200_000)
    with pytest.raises(UpstreamUnavailableError):
        await catalog.project(NAME)
    opened = await catalog.mirrored.open(await found(catalog))
    assert not opened.is_fetched
    assert await received(opened.content) == world.body


async def test_what_a_server_had_stored_before_it_ended_is_counted_once(world: World) -> None:
    first = world.catalog()
    await received((await first.mirrored.open(await found(first))).content)
    await settled(first)
    second = world.catalog()
    await second.mirrored.measure_kept()
    assert second.mirrored.kept.size == 0
    world.time.sleep((RESERVED_FOR + STORED_WITHIN).total_seconds())
    world.storage.calls.clear()
    for _ in range(3):
        await second.mirrored.measure_kept()
    assert (second.mirrored.kept.size or 0) >= len(world.body)
    assert sum(call.startswith("list") for call in world.storage.calls) == 1


async def test_nothing_is_written_to_measure_a_storage_that_is_not_safe(world: World) -> None:
    first = world.catalog()
    await received((await first.mirrored.open(await found(first))).content)
    await settled(first)
    world.time.sleep((RESERVED_FOR + STORED_WITHIN).total_seconds())
    second = world.catalog()
    second.writes.refuse(UnsafeStorageError("not atomic"))
    world.storage.calls.clear()
    with pytest.raises(UnsafeStorageError):
        await second.mirrored.measure_kept()
    assert not [call for call in world.storage.calls if call.startswith("write")]
    assert second.mirrored.kept.size == 0


async def test_a_file_whose_metadata_is_known_later_is_announced_by_the_next_page(world: World) -> None:
    catalog = world.catalog()
    assert (await found(catalog)).file.core_metadata_sha256 is None
    assert await received((await catalog.mirrored.open_part(await found(catalog), 5, 9)).content) == world.body[5:9]
    await settled(catalog)
    (file,) = (await catalog.project(NAME)).files
    assert file.core_metadata_sha256
    with zipfile.ZipFile(io.BytesIO(world.body)) as archive:
        expected = archive.read("demo-1.0.dist-info/METADATA")
    assert await catalog.mirrored.core_metadata(await found(catalog)) == expected


async def test_pins_survive_the_next_page(world: World) -> None:
    """The upstream's page has neither the digest nor the metadata that this index knows."""
    world.upstream.put("demo", page_file(WHEEL, world.body, hashes={}, size=None))
    catalog = world.catalog()
    await received((await catalog.mirrored.open(await found(catalog))).content)
    await settled(catalog)
    before = (await found(catalog)).file
    assert before.pinned
    assert before.extracted
    world.upstream.put("demo", page_file(WHEEL, world.body, hashes={}, size=None), page_file("demo-2.0.tar.gz"))
    world.time.sleep(10_000)
    await catalog.project(NAME)
    assert len((await catalog.project(NAME)).files) == 2
    assert (await found(catalog)).file == before


async def test_a_file_on_this_machine_is_cached_for_the_fast_lane(world: World) -> None:
    catalog = world.catalog()
    assert catalog.mirrored.cached((await found(catalog)).file, Listener.CLUSTER) is None
    await received((await catalog.mirrored.open(await found(catalog))).content)
    await settled(catalog)
    file = (await found(catalog)).file
    assert catalog.mirrored.cached(file, Listener.CLUSTER) is file
    content = await catalog.mirrored.open_kept(file)
    assert isinstance(content, FileIO)
    assert await received(content) == world.body


async def test_clients_are_redirected_to_stored_files_only(world: World) -> None:
    async def presign(key: str) -> str:
        return f"https://s3.example.com/{key}"

    redirects = FileRedirects(external=PresignedUrls(presign))
    catalog = world.catalog(policy=Policy(redirects=redirects))
    source = await found(catalog)
    assert await catalog.mirrored.location(source, Listener.EXTERNAL) is None
    await received((await catalog.mirrored.open(source)).content)
    await settled(catalog)
    source = await found(catalog)
    digest = source.file.sha256
    assert await catalog.mirrored.location(source, Listener.CLUSTER) is None
    url = f"https://s3.example.com/mirrored/{digest[:2]}/{digest}"
    assert await catalog.mirrored.location(source, Listener.EXTERNAL) == url
    assert catalog.mirrored.cached(source.file, Listener.EXTERNAL) is None


async def test_a_missing_file_lets_the_page_be_read_again_although_it_is_fresh(world: World) -> None:
    """T37."""
    catalog = world.catalog()
    source = await found(catalog)
    world.upstream.files.clear()
    asked = len(world.upstream.asked)
    for _ in range(3):
        with pytest.raises(UpstreamFileMissingError):
            await catalog.mirrored.open(source)
    await until(lambda: len(world.upstream.asked) == asked + 1)


async def test_kept_files_go_on_without_the_upstream(world: World) -> None:
    catalog = world.catalog()
    await received((await catalog.mirrored.open(await found(catalog))).content)
    await settled(catalog)
    world.upstream.fail("is offline")
    world.time.sleep(80_000)
    catalog = world.catalog()
    assert await received((await catalog.mirrored.open(await found(catalog))).content) == world.body
    del world.storage.objects[
        f"mirrored/{(await found(catalog)).file.sha256[:2]}/{(await found(catalog)).file.sha256}"
    ]
    for cached in (world.folder / "cache").rglob("*"):
        if cached.is_file():
            cached.unlink()
    with pytest.raises(UpstreamUnavailableError, match="is offline"):
        await catalog.mirrored.open(await found(catalog))


async def test_an_index_without_upstreams_has_no_mirrored_files(world: World) -> None:
    source = await found(world.catalog())
    with pytest.raises(NotFoundError):
        await Catalog(world.storage).mirrored.open(source)


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_file_that_the_upstream_replaced_is_listed_as_long_as_its_bytes_can_be_had(
    world: World, *, is_kept: bool
) -> None:
    """T16, U1, U12: what is kept is installed again, and what can no longer be installed leaves the page."""
    catalog = world.catalog()
    if is_kept:
        await received((await catalog.mirrored.open(await found(catalog))).content)
        await settled(catalog)
    else:
        await catalog.project(NAME)
    world.upstream.files[URL] = world.body[::-1]
    world.upstream.put("demo", page_file(WHEEL, world.body[::-1]), "demo-0.9.tar.gz")
    for _ in range(4):
        world.time.sleep(1300)
        await catalog.project(NAME)
        try:
            assert await received((await catalog.mirrored.open(await found(catalog))).content) == world.body
        except UpstreamBytesError:
            assert not is_kept
        await settled(catalog)
    listed = [file.filename for file in (await catalog.project(NAME)).files]
    assert listed == ([WHEEL, "demo-0.9.tar.gz"] if is_kept else ["demo-0.9.tar.gz"])
