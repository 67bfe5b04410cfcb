import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from support.memory_storage import Fault, MemoryStorage
from support.watched_storage import WatchedStorage
from unit.wheelyard_server.catalog.test_edits import file
from wheelyard_server.catalog import edits, project_list
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.project_list import ProjectList
from wheelyard_server.catalog.projects import ProjectEntry, Projects, by_version, entry_of, latest
from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.settings import Freshness
from wheelyard_server.storage import Listed, Storage
from wheelyard_server.storage.folder import YOUNG_NS, FolderStorage


async def publish(storage: Storage, name: str, version: str = "1.0", summary: str = "") -> None:
    made = msgspec.structs.replace(file(f"{name}-{version}.tar.gz", version=version), summary=summary)
    await Documents(storage).change(parse_project_name(name), lambda project: edits.with_file(project, made, 99))


def new_list(storage: MemoryStorage) -> ProjectList:
    return ProjectList(storage, Documents(storage), Freshness())


async def test_a_project_is_listed_from_its_first_file_to_its_last() -> None:
    storage = MemoryStorage()
    here, there = new_list(storage), new_list(storage)
    assert not list(await here.read())
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


async def test_an_unchanged_list_is_the_same_object() -> None:
    storage = MemoryStorage()
    projects = new_list(storage)
    await publish(storage, "a")
    before = await projects.read()
    assert await projects.read() is before
    await publish(storage, "a", "2.0")
    assert await projects.read() is not before


async def test_with_freshness_a_recent_list_is_served_without_a_request() -> None:
    storage, now = MemoryStorage(), 1000.0
    projects = ProjectList(storage, Documents(storage), Freshness(fresh_seconds=2), lambda: now)
    await publish(storage, "a")
    before = await projects.read()
    await publish(storage, "b")
    storage.calls.clear()
    now += 1.9
    assert await projects.read() is before
    assert storage.calls == []
    now += 0.2
    assert len(await projects.read()) == 2


async def test_a_folder_is_listed_only_when_something_in_it_has_changed(tmp_path: Path) -> None:
    calls: list[str] = []

    async def before(method: str, key: str) -> None:
        calls.append(f"{method} {key}")

    async def after(_method: str, _key: str) -> None:
        pass

    storage = WatchedStorage(FolderStorage(tmp_path), before, after)
    projects, other = ProjectList(storage, Documents(storage), Freshness()), FolderStorage(tmp_path)
    await publish(other, "a")
    await asyncio.sleep(YOUNG_NS / 1e9)
    assert [entry.name for entry in await projects.read()] == ["a"]
    calls.clear()
    assert [entry.name for entry in await projects.read()] == ["a"]
    assert calls == []
    for change in ("b", "a"):
        await publish(other, change, "2.0")
        await projects.read()
        assert calls[0] == "list projects/"
        calls.clear()
    # While a document is damaged, it may be repaired in place, which the folder does not show.
    (tmp_path / "projects" / "b.json").write_bytes(b"{")
    await publish(other, "c")
    await asyncio.sleep(YOUNG_NS / 1e9)
    for _ in range(2):
        assert [entry.name for entry in await projects.read()] == ["a", "c"]
        assert calls[0] == "list projects/"
        calls.clear()


async def test_a_long_list_is_requested_in_parts_cut_by_the_last_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(project_list, "KEYS_PER_LIST", 2)
    monkeypatch.setattr(project_list, "LISTED_AT_ONCE", 3)
    storage = MemoryStorage()
    projects = new_list(storage)
    for name in "abcdefgh":
        await publish(storage, name)
    await projects.read()
    await projects.read()
    assert storage.cuts == [(), ("projects/c.json", "projects/f.json")]


async def test_a_selection_is_made_once_for_each_kind_of_reader() -> None:
    storage = MemoryStorage()
    projects = new_list(storage)
    for name in ("a", "b"):
        await publish(storage, name)
    listed = await projects.read()
    asked: list[str] = []

    def only_a(name: NormalizedName) -> bool:
        asked.append(name)
        return name == "a"

    selections = [await listed.selected("some", only_a) for _ in range(3)]
    assert asked == ["a", "b"]
    assert {id(each) for each in selections} == {id(selections[0])}
    assert [entry.name for entry in selections[0]] == ["a"]
    for _ in range(2):
        assert await listed.selected("all", lambda _: True) is listed
        assert not list(await listed.selected("none", lambda _: False))


@pytest.mark.parametrize("kinds", [1, 17, 40])
async def test_each_kind_of_reader_costs_one_lookup(kinds: int) -> None:
    listed = Projects(ProjectEntry(name=f"p{number}", listing_etag="1", files=1) for number in range(10_000))
    looks: Counter[int] = Counter()

    async def ask(kind: int) -> None:
        def wanted(_name: NormalizedName) -> bool:
            assert threading.current_thread() is not threading.main_thread()
            looks[kind] += 1
            return bool(looks[kind] % 2)

        assert len(await listed.selected(kind, wanted)) == 5000

    for _ in range(3):
        await asyncio.gather(*(ask(kind) for kind in range(kinds) for _ in range(2)))
    assert looks == dict.fromkeys(range(kinds), 10_000)


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
async def test_the_documents_override_a_snapshot(snapshot: bytes) -> None:
    storage = MemoryStorage()
    await publish(storage, "a")
    storage.objects["catalog/projects.json"] = snapshot
    assert [entry.name for entry in await new_list(storage).read()] == ["a"]


async def test_one_damaged_document_hides_no_other() -> None:
    storage = MemoryStorage()
    await publish(storage, "a")
    storage.objects["projects/b.json"] = b"{"
    assert [entry.name for entry in await new_list(storage).read()] == ["a"]


async def test_a_project_once_read_damaged_returns_with_the_next_read() -> None:
    storage = MemoryStorage()
    await publish(storage, "a")
    projects = new_list(storage)
    storage.fail_at(3, Fault.TRUNCATED_BODY)
    assert not list(await projects.read())
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
def test_the_latest_version_is_the_one_that_an_installer_chooses(versions: list[str], expected: str | None) -> None:
    def made(text: str) -> File:
        version, _, yanked = text.partition(" ")
        return msgspec.structs.replace(file(version=version), yanked="" if yanked else None)

    assert latest(by_version(tuple(map(made, versions)))) == expected


async def mirror(storage: Storage, name: str, *versions: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    files = tuple(
        MirroredFile(filename=f"{name}-{version}.tar.gz", version=version, path=f"/{name}-{version}.tar.gz")
        for version in versions
    )
    made = Mirror(url="https://packages.example.com/simple/", made=now, fetched=now, files=files)
    await Documents(storage).change(
        parse_project_name(name), lambda project: project.replace(owner="pypi", mirror=made)
    )


async def test_mirrored_projects_are_in_a_list_of_their_own() -> None:
    storage = MemoryStorage()
    await publish(storage, "a")
    await mirror(storage, "b", "1.0", "2.0", "")
    await mirror(storage, "empty")
    listed = new_list(storage)
    assert [each.name for each in await listed.read()] == ["a"]
    (mirrored,) = await listed.mirrored()
    assert (mirrored.name, mirrored.upstream, mirrored.version, mirrored.files) == ("b", "pypi", "2.0", 3)


async def test_a_changed_mirror_leaves_the_list_of_own_projects_the_same_object() -> None:
    storage = MemoryStorage()
    listed = new_list(storage)
    await publish(storage, "a")
    await mirror(storage, "b", "1.0")
    own, mirrored = await listed.read(), await listed.mirrored()
    await mirror(storage, "b", "1.0", "2.0")
    assert await listed.read() is own
    assert await listed.mirrored() is not mirrored


class WithoutListingETags(MemoryStorage):
    """Lists objects without listing ETags."""

    async def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:
        async for listed in super().list(folder, cuts=cuts):
            yield listed._replace(listing_etag="")


async def test_changes_of_other_writers_are_seen_without_listing_etags() -> None:
    storage = WithoutListingETags()
    projects = new_list(storage)
    await publish(storage, "a")
    before = await projects.read()
    assert await projects.read() is before
    await publish(storage, "a", "2.0")
    assert [entry.version for entry in await projects.read()] == ["2.0"]
    assert [entry.version for entry in await new_list(storage).read()] == ["2.0"]


def test_the_newest_releases_are_those_of_this_index_that_offer_files() -> None:
    def of(number: int, status: Status = Status.ACTIVE) -> ProjectEntry:
        made = file(f"p-{number}.tar.gz", version=str(number))
        released = msgspec.structs.replace(made, upload_time=made.upload_time + timedelta(hours=number))
        return entry_of(Project(name=f"p{number:02}", files=(made, released), status=status), "1")

    mirrored = ProjectEntry(name="other", listing_etag="1", files=1, upstream="pypi")
    listed = Projects([*map(of, range(12)), of(99, Status.QUARANTINED), mirrored])
    assert [entry.name for entry in listed.newest] == [f"p{number:02}" for number in range(11, 1, -1)]
    assert (listed.newest[0].newest, listed.newest[0].publisher) == ("11", file("p-1.tar.gz").uploader)


async def test_a_snapshot_of_a_release_without_times_is_read_again() -> None:
    storage = MemoryStorage()
    await publish(storage, "a")
    await new_list(storage).read()
    (entry,) = (await new_list(storage).read()).entries
    old = msgspec.structs.replace(entry, published=None, newest="", publisher="")
    storage.objects["catalog/projects.json"] = msgspec.json.encode([old])
    assert (await new_list(storage).read()).entries == (entry,)
