import msgspec
import pytest

from support.memory_storage import Fault, MemoryStorage
from unit.wheelyard_server.catalog.test_edits import file
from wheelyard_server.catalog import edits, project_list
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.project_list import ProjectList, latest
from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.model import File, Project
from wheelyard_server.names import parse_project_name


async def publish(storage: MemoryStorage, name: str, version: str = "1.0", summary: str = "") -> None:
    made = msgspec.structs.replace(file(f"{name}-{version}.tar.gz", version=version), summary=summary)
    await Documents(storage).change(parse_project_name(name), lambda project: edits.with_file(project, made, 99))


def new_list(storage: MemoryStorage) -> ProjectList:
    return ProjectList(storage, Documents(storage))


async def test_a_project_is_listed_as_soon_as_it_is_there_and_until_its_last_file_goes() -> None:
    storage = MemoryStorage()
    here, there = new_list(storage), new_list(storage)
    assert await here.read() == []
    await publish(storage, "b", summary="Second")
    await publish(storage, "a")
    for each in (here, there):
        assert [(entry.name, entry.version, entry.summary) for entry in await each.read()] == [
            ("a", "1.0", ""),
            ("b", "1.0", "Second"),
        ]
    await Documents(storage).change(
        parse_project_name("b"), lambda project: edits.without(project, Selection(), file().upload_time)
    )
    assert [entry.name for entry in await here.read()] == ["a"]


async def test_only_what_has_changed_is_read_again() -> None:
    storage = MemoryStorage()
    projects = new_list(storage)
    for name in ("a", "b", "c"):
        await publish(storage, name)
    await projects.read()
    await publish(storage, "b", "2.0")
    storage.calls.clear()
    assert [entry.version for entry in await projects.read()] == ["1.0", "2.0", "1.0"]
    assert storage.calls == ["list projects/", "read projects/b.json"]


async def test_a_new_replica_reads_the_snapshot_instead_of_all_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_list, "CHANGES_KEPT_IN_MEMORY", 2)
    storage = MemoryStorage()
    for name in ("a", "b", "c"):
        await publish(storage, name)
    await new_list(storage).read()
    assert "catalog/projects.json" in storage.objects
    await publish(storage, "d")
    storage.calls.clear()
    assert [entry.name for entry in await new_list(storage).read()] == ["a", "b", "c", "d"]
    assert storage.calls == ["read catalog/projects.json", "list projects/", "read projects/d.json"]


@pytest.mark.parametrize("snapshot", [b"", b"{}", b'[{"name": "ghost", "tag": "1", "files": 3}]'])
async def test_a_snapshot_is_never_believed_against_the_documents(snapshot: bytes) -> None:
    storage = MemoryStorage()
    await publish(storage, "a")
    storage.objects["catalog/projects.json"] = snapshot
    assert [entry.name for entry in await new_list(storage).read()] == ["a"]


async def test_one_damaged_document_hides_no_other() -> None:
    storage = MemoryStorage()
    await publish(storage, "a")
    storage.objects["projects/b.json"] = b"{"
    assert [entry.name for entry in await new_list(storage).read()] == ["a"]


async def test_a_project_whose_document_was_once_read_damaged_is_back_with_the_next_answer() -> None:
    storage = MemoryStorage()
    await publish(storage, "a")
    projects = new_list(storage)
    storage.fail_at(3, Fault.TRUNCATED_BODY)
    assert await projects.read() == []
    assert [entry.name for entry in await projects.read()] == ["a"]


async def test_a_storage_that_fails_is_an_error_and_not_a_shorter_list() -> None:
    storage = MemoryStorage()
    await publish(storage, "a")
    projects = new_list(storage)
    for call in (1, 2, 3):
        storage.fail_at(call, Fault.LOST_REQUEST)
        with pytest.raises(StorageUnavailableError):
            await projects.read()
    assert [entry.name for entry in await projects.read()] == ["a"]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([], None),
        (["1.0", "1.10", "1.9"], "1.10"),
        (["1.0", "2.0rc1"], "1.0"),
        (["2.0rc1", "2.0b1"], "2.0rc1"),
        (["1.0", "2.0 yanked"], "1.0"),
        (["2.0 yanked"], "2.0"),
    ],
)
def test_the_latest_version_is_the_one_that_an_installer_takes(versions: list[str], expected: str | None) -> None:
    def made(text: str) -> File:
        version, _, yanked = text.partition(" ")
        return msgspec.structs.replace(file(version=version), yanked="" if yanked else None)

    assert latest(Project(name="demo", files=tuple(map(made, versions)))) == expected
