"""The commit protocol while the storage is well; `test_faults.py` has what happens when it is not."""

import asyncio
import os
from pathlib import Path

import pytest

from support import distributions
from support.catalogs import upload
from support.contents import received
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.errors import (
    FileExistsWithOtherContentError,
    NotFoundError,
)
from wheelyard_server.names import parse_filename, parse_project_name
from wheelyard_server.storage.folder import FolderStorage

NAME = parse_project_name("demo")


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


async def test_an_acknowledged_upload_is_visible_on_every_replica(tmp_path: Path) -> None:
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
    catalog = Catalog(storage)
    # A process looks once, before its first change, which format may be written.
    await catalog.publish(upload(distributions.wheel(tmp_path, version="0.9")))
    storage.calls.clear()
    await catalog.publish(upload(distributions.wheel(tmp_path)))
    assert [call.split()[0] for call in storage.calls] == ["read", "store", "store", "write"]
    storage.calls.clear()
    await catalog.publish(upload(distributions.wheel(tmp_path, version="1.1"), signed=True))
    assert [call.split()[0] for call in storage.calls] == ["read", "store", "store", "store", "write"]


async def test_objects_are_stored_once_however_often_the_swap_is_tried(tmp_path: Path) -> None:
    storage = MemoryStorage()
    storage.fail_at(5, Fault.CONFLICT)
    await Catalog(storage).publish(upload(distributions.wheel(tmp_path)))
    calls = [call.split()[0] for call in storage.calls]
    assert calls == ["read", "read", "store", "store", "write", "read", "write"]
    assert len(await assert_invariants(storage)) == 1


def bytes_passed() -> int:
    """Return how many bytes this process has read from files and written into files."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"]) + int(counts["wchar"])


async def test_each_byte_of_an_upload_is_written_once_and_read_once(tmp_path: Path) -> None:
    made = distributions.wheel(tmp_path, module=os.urandom(4_000_000).hex())
    body = made.read_bytes()
    catalog = Catalog(FolderStorage(tmp_path / "data"))
    before = bytes_passed()
    with Scratch(tmp_path / "data/.scratch", len(body)).receiver() as receiver:
        for start in range(0, len(body), 1_000_000):
            await receiver.write(body[start : start + 1_000_000])
        content = await receiver.finish()
        await catalog.publish(Upload(parse_filename(made.name), content, "admin"))
    # The rest is the wheel's directory and the small objects.
    assert 2 <= (bytes_passed() - before) / len(body) < 2.1
    (file,) = (await catalog.project(NAME)).project.files
    assert await received(await catalog.open(NAME, file, 0, file.size)) == body


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


async def test_one_of_racing_uploads_with_different_bytes_wins(tmp_path: Path) -> None:
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
