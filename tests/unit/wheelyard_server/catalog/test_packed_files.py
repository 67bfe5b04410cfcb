"""Files of mirrors are packed in memory, and behave as a tuple of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from support.memory_storage import MemoryStorage
from wheelyard_server.catalog import encoding, packed_files
from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.packed_files import MIN_PACKED_FILES, PackedFiles, pack, packed, unpacked
from wheelyard_server.catalog.stored_project import ProjectView, Views
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.names import parse_project_name
from wheelyard_server.policy.file_policy import AllowedUpstream, FilePolicy
from wheelyard_server.sliced import at_once

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEMO = parse_project_name("demo")
URL = "https://packages.example.com/simple/"
COUNT = 450


def files(count: int, **other: Any) -> tuple[MirroredFile, ...]:
    return tuple(
        MirroredFile(
            filename=f"demo-{n}.0.tar.gz",
            version=f"{n}.0",
            path=f"/f/demo-{n}.0.tar.gz",
            sha256=f"{n:064x}",
            **other,
        )
        for n in range(count)
    )


def project(count: int, **other: Any) -> Project:
    mirror = Mirror(url=URL, made=NOW, fetched=NOW, files=files(count, **other))
    return Project(name="demo", format=2, owner="other", mirror=mirror)


def is_packed(found: Project) -> bool:
    kept: object = found.mirror and found.mirror.files
    return isinstance(kept, PackedFiles)


@pytest.fixture(autouse=True)
def _nothing_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_files, "_UNPACKED", packed_files._LastUnpacked())


def forget() -> None:
    """Let other files take the place of those that are decoded."""
    packed_files._UNPACKED._kept.clear()


@pytest.mark.parametrize("count", [0, 1, 200, 201, COUNT])
def test_packed_files_are_a_sequence_that_equals_the_tuple(count: int) -> None:
    expected = files(count, yanked="é", upload_time=NOW)
    packed = at_once(pack(expected))
    for _ in range(2):
        assert (len(packed), tuple(packed), packed == expected, expected == packed) == (count, expected, True, True)
        assert packed[:3] == expected[:3]
        assert packed != (*expected, *expected, *files(1))
        assert packed == at_once(pack(expected))
        forget()
    assert not count or packed[-1] == expected[-1]


def test_the_last_ones_used_stay_decoded_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_files, "MAX_UNPACKED_FILES", 2 * COUNT)
    first, second, third = (at_once(pack(files(COUNT))) for _ in range(3))
    assert [each.is_unpacked for each in (first, second, third)] == [False, True, True]
    assert second[0]
    assert first[0]
    assert [each.is_unpacked for each in (first, second, third)] == [True, True, False]
    first.notes["x"] = 1
    assert first.notes == {"x": 1}
    huge = at_once(pack(files(5 * COUNT)))
    assert [each.is_unpacked for each in (first, second, third, huge)] == [False, False, False, True]
    assert first.notes == {}


async def test_only_mirrors_of_many_files_are_packed() -> None:
    few, many = project(MIN_PACKED_FILES - 1), project(MIN_PACKED_FILES)
    assert await packed(few) is few
    assert is_packed(await packed(many))
    assert await packed(many) == many
    assert await packed(Project(name="demo")) == Project(name="demo")
    assert await unpacked(few) is few
    forget()
    back = await unpacked(await packed(many))
    assert back == many
    assert not is_packed(back)


async def test_files_with_keys_of_a_newer_release_are_not_packed() -> None:
    assert not is_packed(await packed(project(COUNT, unknown=b'{"new":1}')))


async def read(storage: MemoryStorage, views: Views) -> tuple[Documents, ProjectView]:
    documents = Documents(storage, views=views)
    view = documents.view(await documents.read(DEMO))
    assert view is not None
    return documents, view


@pytest.fixture
async def storage() -> MemoryStorage:
    storage = MemoryStorage()
    storage.objects["wheelyard.json"] = b'{"format":2,"index":null}'
    await Documents(storage).change(DEMO, lambda _: project(COUNT))
    return storage


@pytest.fixture
def views() -> Views:
    return Views(CurrentBasis(FilePolicy((AllowedUpstream("other", URL),))), lambda: NOW)


async def test_a_document_is_kept_packed_and_changed_unpacked(storage: MemoryStorage, views: Views) -> None:
    documents, view = await read(storage, views)
    assert is_packed(view.project)
    cached = documents.cached(DEMO)
    assert cached is not None
    assert documents._cache.size < cached.size
    seen: list[bool] = []

    def change(found: Project) -> Project:
        seen.append(is_packed(found))
        return found.replace(status_reason="new")

    forget()
    changed = await documents.change(DEMO, change)
    assert seen == [False]
    assert changed.mirror is not None
    assert changed.mirror.files == files(COUNT)
    assert (await Documents(storage).read(DEMO)).project.status_reason == "new"


async def test_nothing_is_written_if_nothing_changes(storage: MemoryStorage, views: Views) -> None:
    documents, _ = await read(storage, views)
    before = dict(storage.objects)
    await documents.change(DEMO, lambda found: found)
    assert storage.objects == before


async def test_a_view_needs_no_files_once_it_was_decided(storage: MemoryStorage, views: Views) -> None:
    """Memory: a hot page needs neither the decoded document nor a render."""
    documents, view = await read(storage, views)
    await view.offers.prepare()
    expected = (view.revision, view.file_count, view.has_provenance)
    forget()
    assert documents.view(await documents.read(DEMO)) is view
    await view.offers.prepare()
    assert (view.revision, view.file_count, view.has_provenance) == expected == ("", COUNT, False)
    kept: Any = view.project.mirror and view.project.mirror.files
    assert not kept.is_unpacked


async def test_files_of_a_view_are_decoded_when_they_are_needed(storage: MemoryStorage, views: Views) -> None:
    _, view = await read(storage, views)
    for _ in range(2):
        assert view.files == files(COUNT)
        assert await view.file("demo-7.0.tar.gz") == files(8)[7]
        assert await view.at_path("f/demo-7.0.tar.gz") == files(8)[7]
        assert view.by_version["7"] == files(8)[7:]
        forget()


async def test_a_document_with_packed_files_is_written_as_one_with_decoded_files() -> None:
    with_packed = await packed(project(COUNT))
    assert with_packed.mirror
    assert isinstance(with_packed.mirror.files, PackedFiles)
    assert encoding.encode(with_packed) == encoding.encode(project(COUNT))
