"""The commit protocol while the storage is well; `test_faults.py` has what happens when it is not."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from support import distributions
from support.contents import received
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.catalog.scratch import Received, Scratch
from wheelyard_server.errors import (
    FileExistsWithOtherContentError,
    NotFoundError,
)
from wheelyard_server.names import parse_filename, parse_project_name

NAME = parse_project_name("demo")


def upload(path: Path) -> Upload:
    with Scratch(path.parent / "scratch", 10**9).receiver() as receiver:
        receiver.write(path.read_bytes())
        content = receiver.finish()
    return Upload(parse_filename(path.name), Received(path, content.size, content.digests), "admin")


async def assert_invariants(storage: MemoryStorage) -> list[str]:
    """Everything that a fresh replica lists can be downloaded and is what its digests say; return the names."""
    catalog = Catalog(storage)
    try:
        project = (await catalog.project(NAME)).project
    except NotFoundError:
        return []
    for file in project.files:
        assert len(await received(await catalog.open(NAME, file, 0, file.size))) == file.size
        await catalog.core_metadata(NAME, file)
    names = [file.filename for file in project.files]
    assert len(names) == len(set(names))
    return names


async def test_an_upload_is_there_when_it_is_acknowledged_on_every_replica(tmp_path: Path) -> None:
    storage = MemoryStorage()
    here, there = Catalog(storage), Catalog(storage)
    path = distributions.wheel(tmp_path, extra="Requires-Python: >=3.9\n")
    with pytest.raises(NotFoundError):
        await there.project(NAME)
    await here.publish(upload(path))
    (file,) = (await there.project(NAME)).project.files
    assert (file.filename, file.version, file.requires_python) == (path.name, "1.0", ">=3.9")
    assert await assert_invariants(storage) == [path.name]


async def test_an_upload_costs_four_calls_and_with_attestations_five(tmp_path: Path) -> None:
    storage = MemoryStorage()
    await Catalog(storage).publish(upload(distributions.wheel(tmp_path)))
    assert [call.split()[0] for call in storage.calls] == ["read", "store", "store", "write"]
    storage.calls.clear()
    await Catalog(storage).publish(replace(upload(distributions.wheel(tmp_path, version="1.1")), provenance=b"{}"))
    assert [call.split()[0] for call in storage.calls] == ["read", "store", "store", "store", "write"]


async def test_the_same_bytes_again_are_a_success_and_store_nothing(tmp_path: Path) -> None:
    storage = MemoryStorage()
    catalog = Catalog(storage)
    await catalog.publish(upload(distributions.wheel(tmp_path)))
    objects = dict(storage.objects)
    await catalog.publish(upload(distributions.wheel(tmp_path)))
    assert storage.objects == objects


async def test_other_bytes_for_a_filename_are_refused(tmp_path: Path) -> None:
    storage = MemoryStorage()
    catalog = Catalog(storage)
    await catalog.publish(upload(distributions.wheel(tmp_path)))
    objects = dict(storage.objects)
    with pytest.raises(FileExistsWithOtherContentError, match="File already exists"):
        await catalog.publish(upload(distributions.wheel(tmp_path, module="x = 1")))
    assert storage.objects == objects


async def test_of_racing_uploads_with_different_bytes_one_wins(tmp_path: Path) -> None:
    storage = MemoryStorage()
    replicas = [Catalog(storage) for _ in range(3)]
    uploads = []
    for number in range(16):
        folder = tmp_path / str(number)
        folder.mkdir()
        uploads.append(upload(distributions.wheel(folder, module=f"x = {number}")))
    results = await asyncio.gather(
        *(replicas[number % 3].publish(one) for number, one in enumerate(uploads)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, FileExistsWithOtherContentError)]
    assert (results.count(None), len(refused)) == (1, 15)
    assert len(await assert_invariants(storage)) == 1
