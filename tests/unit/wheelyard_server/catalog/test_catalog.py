"""The catalog as a whole: what it finds, what it keeps in memory, and which files a change selects."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from packaging.version import Version

from support import distributions
from support.catalogs import DEMO, START, publish, upload
from support.memory_storage import MemoryStorage
from support.watched_storage import WatchedStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.counts import Source
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.errors import NotFoundError, RefusedFileError
from wheelyard_server.model.status import Status
from wheelyard_server.names import parse_project_name

NONE = parse_project_name("none")


@pytest.fixture
async def storage(tmp_path: Path) -> MemoryStorage:
    made = MemoryStorage()
    await publish(made, tmp_path, "1.0", "2.0")
    return made


@pytest.fixture
def catalog(storage: MemoryStorage) -> Catalog:
    return Catalog(storage, now=lambda: START)


async def test_a_project_without_files_is_not_found(catalog: Catalog) -> None:
    await catalog.delete(DEMO, Selection())
    for name in (DEMO, NONE):
        with pytest.raises(NotFoundError, match="No such project in this index"):
            await catalog.project(name)
    assert [entry.name for entry in await catalog.projects()] == []


async def test_a_file_is_found_by_its_name_and_digest_together(catalog: Catalog) -> None:
    one, two = (await catalog.project(DEMO)).project.files
    assert await catalog.file(DEMO, one.filename, one.sha256) == one
    for filename, sha256 in ((one.filename, two.sha256), ("other-1.0.tar.gz", one.sha256)):
        with pytest.raises(NotFoundError, match="No such file in this project"):
            await catalog.file(DEMO, filename, sha256)


async def test_files_of_a_quarantined_project_are_not_offered(catalog: Catalog) -> None:
    (file, _) = (await catalog.project(DEMO)).project.files
    await catalog.set_status(DEMO, Status.QUARANTINED, "malware")
    with pytest.raises(RefusedFileError, match="its files are not offered"):
        await catalog.file(DEMO, file.filename, file.sha256)


async def test_a_status_that_was_set_is_no_absence_although_the_files_are_deleted_at_once(
    storage: MemoryStorage,
) -> None:
    async def nothing(_method: str, _key: str) -> None:
        pass

    async def delete_after_a_write(method: str, _key: str) -> None:
        if method == "write":
            await Catalog(storage, now=lambda: START).delete(DEMO, Selection())

    watched = WatchedStorage(storage, nothing, delete_after_a_write)
    view = await Catalog(watched, now=lambda: START).set_status(DEMO, Status.ARCHIVED, "old")
    assert (view.status, len(view.files)) == (Status.ARCHIVED, 2)
    with pytest.raises(NotFoundError):
        await Catalog(storage, now=lambda: START).project(DEMO)


async def test_metadata_and_provenance_are_read_once_and_then_kept_in_memory(
    catalog: Catalog, storage: MemoryStorage
) -> None:
    (file, _) = (await catalog.project(DEMO)).project.files
    storage.calls.clear()
    for _ in range(2):
        assert b"Name: demo" in await catalog.core_metadata(DEMO, file)
        assert b"attestations" in await catalog.provenance(DEMO, file)
    assert len(storage.calls) == 2
    assert (catalog.counts.file_reads[Source.STORAGE], catalog.counts.file_reads[Source.MEMORY]) == (2, 2)


async def test_a_file_without_attestations_has_no_provenance(catalog: Catalog, tmp_path: Path) -> None:
    await catalog.publish(upload(distributions.wheel(tmp_path, version="3.0")))
    file = (await catalog.project(DEMO)).project.files[-1]
    with pytest.raises(NotFoundError, match="without attestations"):
        await catalog.provenance(DEMO, file)


async def test_a_change_that_selects_nothing_is_not_found(catalog: Catalog, storage: MemoryStorage) -> None:
    before = dict(storage.objects)
    missing = Selection(version=Version("9.9"))
    for change, what in (
        (catalog.yank(DEMO, missing, ""), "file in this project"),
        (catalog.unyank(DEMO, missing), "file in this project"),
        (catalog.delete(DEMO, missing), "file in this project"),
        (catalog.delete(NONE, Selection()), "project in this index"),
        (catalog.set_status(NONE, Status.ARCHIVED, ""), "project in this index"),
    ):
        with pytest.raises(NotFoundError, match=f"No such {what}"):
            await change
    assert storage.objects == before


async def test_only_one_of_two_deletes_of_the_same_file_succeeds(storage: MemoryStorage) -> None:
    deleted = await asyncio.gather(
        *(Catalog(storage).delete(DEMO, Selection(version=Version("1.0"))) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in deleted) == ["NotFoundError", "tuple"]


async def test_a_cached_project_is_the_last_read_without_asking_the_storage(
    catalog: Catalog, storage: MemoryStorage
) -> None:
    assert catalog.cached_project(DEMO) is None
    view = await catalog.project(DEMO)
    storage.calls.clear()
    cached = catalog.cached_project(DEMO)
    assert cached is not None
    assert cached.view == view
    assert storage.calls == []


async def test_a_token_is_used_once_across_replicas(catalog: Catalog, storage: MemoryStorage) -> None:
    until = START + timedelta(minutes=10)
    assert await catalog.use_once("token", until)
    assert not await Catalog(storage).use_once("token", until)
    assert await catalog.use_once("another", until)
