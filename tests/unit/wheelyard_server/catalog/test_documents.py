import asyncio
from collections.abc import Callable

import msgspec
import pytest

from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog.documents import OPERATIONS_KEPT, Documents
from wheelyard_server.errors import NotFoundError, StorageUnavailableError
from wheelyard_server.model import File, Project
from wheelyard_server.model.status import Status
from wheelyard_server.names import parse_project_name
from wheelyard_server.storage import layout

NAME = parse_project_name("demo")
KEY = layout.document(NAME)


def file(filename: str) -> File:
    return msgspec.convert(
        {
            "filename": filename,
            "version": "1.0",
            "upload-id": "1",
            "size": 1,
            "sha256": "0" * 64,
            "upload-time": "2026-01-01T00:00:00Z",
            "uploader": "admin",
            "core-metadata-sha256": "0" * 64,
        },
        File,
    )


def adding(filename: str) -> Callable[[Project], Project]:
    """Return a change that is right however often it is applied, as all changes must be."""

    def change(project: Project) -> Project:
        return project if project.file(filename) else project.replace(files=(*project.files, file(filename)))

    return change


async def filenames(documents: Documents) -> list[str]:
    return [file.filename for file in (await documents.read(NAME)).project.files]


async def test_an_unknown_project_has_no_document() -> None:
    version = await Documents(MemoryStorage()).read(NAME)
    assert version.etag is None
    assert version.project.files == ()


async def test_a_change_by_another_replica_is_visible_at_once() -> None:
    storage = MemoryStorage()
    here, there = Documents(storage), Documents(storage)
    assert await filenames(here) == []
    await there.change(NAME, adding("a"))
    assert await filenames(here) == ["a"]


async def test_an_unchanged_document_is_not_transferred_again() -> None:
    storage = MemoryStorage()
    documents = Documents(storage)
    await documents.change(NAME, adding("a"))
    first = await documents.read(NAME)
    assert await documents.read(NAME) is first


async def test_writers_on_two_replicas_lose_nothing() -> None:
    storage = MemoryStorage()
    replicas = [Documents(storage) for _ in range(3)]
    names = [f"file-{number}" for number in range(30)]
    changes = [replicas[i % 3].change(NAME, adding(name)) for i, name in enumerate(names)]
    await asyncio.gather(*changes)
    assert sorted(await filenames(replicas[0])) == sorted(names)


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.LOST_ANSWER_THEN_CONFLICT])
async def test_a_write_whose_answer_got_lost_is_recognized_by_its_operation(fault: Fault) -> None:
    storage = MemoryStorage()
    documents = Documents(storage)
    storage.fail_at(3, fault)
    await documents.change(NAME, adding("a"))
    assert await filenames(documents) == ["a"]
    assert sum(call.startswith("write") for call in storage.calls) == 1


async def test_a_write_that_had_no_effect_is_an_error() -> None:
    storage = MemoryStorage()
    documents = Documents(storage)
    storage.fail_at(3, Fault.LOST_REQUEST)
    with pytest.raises(StorageUnavailableError):
        await documents.change(NAME, adding("a"))
    assert await filenames(documents) == []


async def test_a_change_that_changes_nothing_writes_nothing() -> None:
    storage = MemoryStorage()
    documents = Documents(storage)
    await documents.change(NAME, adding("a"))
    calls = len(storage.calls)
    await documents.change(NAME, adding("a"))
    assert [call.split()[0] for call in storage.calls[calls:]] == ["read"]


async def test_a_project_that_was_just_read_is_changed_without_another_read() -> None:
    storage = MemoryStorage()
    documents = Documents(storage)
    known = await documents.read(NAME)
    calls = len(storage.calls)
    await documents.change(NAME, adding("a"), known=known)
    assert [call.split()[0] for call in storage.calls[calls:] if KEY in call] == ["write"]


async def test_a_change_of_a_project_that_was_read_too_early_is_decided_again() -> None:
    """An old read never decides, neither that something is written nor that nothing is."""
    storage = MemoryStorage()
    here, there = Documents(storage), Documents(storage)
    empty = await here.read(NAME)
    await there.change(NAME, adding("a"))
    with_a = await here.read(NAME)
    await here.change(NAME, adding("b"), known=empty)
    assert await filenames(here) == ["a", "b"]
    await there.change(NAME, lambda project: project.replace(files=()))
    await here.change(NAME, adding("a"), known=with_a)
    assert await filenames(there) == ["a"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"name": 1}', b'{"name": "demo", "format": 99}'])
async def test_an_unreadable_document_is_an_error_not_an_empty_project(body: bytes) -> None:
    storage = MemoryStorage()
    storage.objects["projects/demo.json"] = body
    with pytest.raises(StorageUnavailableError, match=r"projects/demo\.json"):
        await Documents(storage).read(NAME)


async def test_a_write_whose_answer_got_lost_is_recognized_after_later_writes() -> None:
    storage = MemoryStorage()
    documents, other = Documents(storage), Documents(storage)
    await documents.change(NAME, adding("a"))
    lost, looked = 2, False

    def others_write(method: str, _key: str) -> None:
        """Before the writer looks what came of its write, take away what it has changed."""
        nonlocal looked
        if method == "read" and b"deprecated" in storage.objects[KEY] and not looked:
            looked = True
            for number in range(OPERATIONS_KEPT - 1):
                written = msgspec.json.decode(storage.objects[KEY], type=Project)
                operations = (*written.operations, f"{number}")[-OPERATIONS_KEPT:]
                storage.objects[KEY] = msgspec.json.encode(written.replace(files=(), operations=operations))

    def deprecate(project: Project) -> Project:
        if not project.files:
            raise NotFoundError("No such project in this index")
        return project.replace(status=Status.DEPRECATED)

    storage.before_call = others_write
    storage.fail_at(lost, Fault.LOST_ANSWER_THEN_CONFLICT)
    changed = await documents.change(NAME, deprecate)
    assert looked
    assert (changed.status, changed.files) == (Status.DEPRECATED, ())
    assert await filenames(other) == []


async def test_a_document_remembers_only_the_last_writes() -> None:
    storage = MemoryStorage()
    documents = Documents(storage)
    for number in range(OPERATIONS_KEPT + 2):
        await documents.change(NAME, adding(f"{number}"))
    operations = (await documents.read(NAME)).project.operations
    assert len(set(operations)) == OPERATIONS_KEPT
