import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support import distributions
from support.catalogs import DEMO, START, listed, publish, upload
from support.memory_storage import Fault, MemoryStorage
from unit.wheelyard_server.catalog.test_probe import Racing
from wheelyard_server.catalog import edits, encoding
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.ownership import take_ownership
from wheelyard_server.catalog.probe import RACES, WRITERS
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.serials import last_serial
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.errors import InvalidSettingsError, NotFoundError, StorageError, UnsafeStorageError
from wheelyard_server.maintenance.copy import ConflictError, Copier
from wheelyard_server.maintenance.events import Copied, Event, Finding
from wheelyard_server.maintenance.verify import StorageVerifier
from wheelyard_server.storage import Server, layout

ONE, TWO = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"
KEY = layout.document(DEMO)


@pytest.fixture
async def source(tmp_path: Path) -> MemoryStorage:
    made = MemoryStorage()
    await take_ownership(made, "packages/main")
    await publish(made, tmp_path, "1.0", "2.0")
    await publish(made, tmp_path, "1.0", name="other")
    return made


@pytest.fixture
def target() -> MemoryStorage:
    return MemoryStorage()


async def copy(source: MemoryStorage, target: MemoryStorage, folder: Path) -> list[Event]:
    events: list[Event] = []
    await Copier(source, target, Scratch(folder / "copy", 10**9), events.append).run()
    return events


def copied(events: list[Event]) -> dict[str, int]:
    return {each.project: each.files for each in events if isinstance(each, Copied)}


def problems(events: list[Event]) -> list[str]:
    return [each.problem for each in events if isinstance(each, Finding)]


async def verified(storage: MemoryStorage) -> list[Event]:
    events: list[Event] = []
    await StorageVerifier(storage, events.append).run()
    return [each for each in events if isinstance(each, Finding)]


async def test_a_copy_is_a_complete_index_without_an_owner(
    source: MemoryStorage, target: MemoryStorage, tmp_path: Path
) -> None:
    assert copied(await copy(source, target, tmp_path)) == {"demo": 2, "other": 1}
    assert await listed(target) == await listed(source)
    assert await listed(target, "other") == await listed(source, "other")
    assert await verified(target) == []
    await take_ownership(target, "restored/index")
    assert list((tmp_path / "copy").iterdir()) == []


async def test_a_copy_belongs_to_the_named_index(
    source: MemoryStorage, target: MemoryStorage, tmp_path: Path
) -> None:
    await Copier(source, target, Scratch(tmp_path / "copy", 10**9), lambda _: None, "restored/index").run()
    await take_ownership(target, "restored/index")
    with pytest.raises(InvalidSettingsError, match="restored/index"):
        await take_ownership(target, "other/index")
    with pytest.raises(InvalidSettingsError, match="restored/index"):
        await Copier(source, target, Scratch(tmp_path / "copy", 10**9), lambda _: None, "other/index").run()


async def test_a_second_copy_brings_only_what_is_new(
    source: MemoryStorage, target: MemoryStorage, tmp_path: Path
) -> None:
    await copy(source, target, tmp_path)
    assert copied(await copy(source, target, tmp_path)) == {}
    calls = len(target.calls)
    await copy(source, target, tmp_path)
    later = [call for call in target.calls[calls:] if "catalog/probe/" not in call]
    assert not [call for call in later if call.split()[0] in ("store", "delete")]
    assert not [call for call in target.calls[calls:] if call.startswith("write projects/")]
    catalog = Catalog(source)
    await publish(source, tmp_path, "3.0")
    await catalog.yank(DEMO, Selection(filename=TWO), "broken")
    await catalog.delete(DEMO, Selection(filename=ONE))
    assert copied(await copy(source, target, tmp_path)) == {"demo": 1}
    project = (await Catalog(target).project(DEMO)).project
    assert [(file.filename, file.yanked) for file in project.files] == [
        (TWO, "broken"),
        ("demo-3.0-py3-none-any.whl", None),
    ]
    assert [file.filename for file in project.deleted] == [ONE]


async def test_a_deleted_file_that_was_published_again_is_copied_again(
    source: MemoryStorage, target: MemoryStorage, tmp_path: Path
) -> None:
    await copy(source, target, tmp_path)
    await Catalog(source).delete(DEMO, Selection())
    await copy(source, target, tmp_path)
    with pytest.raises(NotFoundError):
        await listed(target)
    await publish(source, tmp_path, "1.0")
    assert problems(await copy(source, target, tmp_path)) == []
    assert list(await listed(target)) == [ONE]


async def test_a_target_never_goes_back(source: MemoryStorage, target: MemoryStorage, tmp_path: Path) -> None:
    await copy(source, target, tmp_path)
    await Catalog(target).publish(upload(distributions.wheel(tmp_path, version="9.0")))
    (problem,) = problems(await copy(source, target, tmp_path))
    assert problem == "was not copied: the target has a demo-9.0-py3-none-any.whl that the source does not have"
    assert "demo-9.0-py3-none-any.whl" in await listed(target)
    await Catalog(target).delete(DEMO, Selection())
    (problem,) = problems(await copy(source, target, tmp_path))
    assert "deleted in the target only" in problem
    with pytest.raises(NotFoundError):
        await listed(target)


async def test_other_bytes_of_the_same_name_are_a_conflict(
    source: MemoryStorage, target: MemoryStorage, tmp_path: Path
) -> None:
    await publish(target, tmp_path, "1.0", module="x = 1")
    before = await listed(target)
    assert problems(await copy(source, target, tmp_path)) == [
        f"was not copied: the target has a {ONE} that the source does not have"
    ]
    assert await listed(target) == before
    assert list(await listed(target, "other")) == ["other-1.0-py3-none-any.whl"]


@pytest.mark.parametrize("ending", ["whl", "metadata", "provenance"])
async def test_bytes_that_are_damaged_in_the_source_are_not_written(
    source: MemoryStorage, target: MemoryStorage, tmp_path: Path, ending: str
) -> None:
    for key in source.objects:
        if key.startswith("files/demo/") and key.endswith(ending):
            source.objects[key] = source.objects[key][:-1] + b"?"
    assert len(problems(await copy(source, target, tmp_path))) == 1
    assert "projects/demo.json" not in target.objects
    assert list(await listed(target, "other")) == ["other-1.0-py3-none-any.whl"]


@pytest.mark.parametrize("which", ["source", "target"])
@pytest.mark.parametrize("fault", list(Fault))
async def test_an_interrupted_copy_can_continue(
    source: MemoryStorage, tmp_path: Path, which: str, fault: Fault
) -> None:
    whole = MemoryStorage()
    calls = len(source.calls)
    await copy(source, whole, tmp_path)
    needed = len(whole.calls) if which == "target" else len(source.calls) - calls
    for call in range(1, needed + 1):
        target = MemoryStorage()
        (target if which == "target" else source).fail_at(call, fault)
        try:
            await copy(source, target, tmp_path)
        except (StorageError, InvalidSettingsError, UnsafeStorageError):
            # Without wheelyard.json, the target is not a storage yet. Else, its content is
            # consistent.
            if "wheelyard.json" in target.objects:
                assert await verified(target) == []
        assert problems(await copy(source, target, tmp_path)) == []
        assert await listed(target) == await listed(source)
        assert await verified(target) == []


async def test_a_deletion_of_other_content_and_a_fenced_upload_stay(
    source: MemoryStorage, target: MemoryStorage, tmp_path: Path
) -> None:
    await publish(target, tmp_path, "1.0", module="x = 1")
    await Catalog(target).delete(DEMO, Selection())
    assert problems(await copy(source, target, tmp_path)) == [
        f"was not copied: the target had a {ONE} with other content"
    ]
    upload_ids = frozenset(file.upload_id for file in (await Catalog(source).project(DEMO)).project.files)
    await check_fenced(source, upload_ids, tmp_path)


async def test_a_provenance_object_that_is_being_collected_stays(source: MemoryStorage, tmp_path: Path) -> None:
    (file, *_) = (await Catalog(source).project(DEMO)).project.files
    body, attested_id = b"{}", "a" * 32
    attested = file.replace(provenance_id=attested_id, provenance_sha256=hashlib.sha256(body).hexdigest())
    change = partial(edits.with_provenance, file=file, attested=attested)
    await Documents(source).change(DEMO, change, {layout.provenance(DEMO, attested): body})
    await check_fenced(source, frozenset({attested_id}), tmp_path)


async def check_fenced(source: MemoryStorage, upload_ids: frozenset[str], folder: Path) -> None:
    """Check that nothing is copied to where the collection has given up these uploads."""
    fresh = MemoryStorage()
    await Documents(fresh).change(DEMO, lambda project: edits.with_fenced(project, upload_ids, START))
    (problem,) = problems(await copy(source, fresh, folder))
    assert "is being collected in the target" in problem
    with pytest.raises(NotFoundError):
        await listed(fresh)


async def test_a_target_that_is_not_safe_to_write_to_gets_nothing(source: MemoryStorage, tmp_path: Path) -> None:
    target = Racing("replace", lambda number: number == RACES)
    target.on_server(Server("https://s3.example.com", "FakeS3/1.0"))
    for _ in range(2):
        with pytest.raises(UnsafeStorageError, match="not atomic"):
            await copy(source, target, tmp_path)
    assert not [key for key in target.objects if key.startswith(("projects/", "files/"))]


async def test_a_copy_does_not_carry_the_verdict_about_the_source(
    source: MemoryStorage, target: MemoryStorage, tmp_path: Path
) -> None:
    for storage in (source, target):
        storage.on_server(Server("https://s3.example.com", "FakeS3/1.0"))
    await WriteSafety(source).check()
    await copy(source, target, tmp_path)
    assert sum(call.startswith("write catalog/probe/") for call in target.calls) == 2 * RACES * WRITERS


def index(storage: MemoryStorage) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(storage.objects["wheelyard.json"])
    return found


def of_format_1(storage: MemoryStorage) -> MemoryStorage:
    """Return a storage the documents that a server of format 1 would have written."""
    storage.objects["wheelyard.json"] = b'{"format":1,"index":null}'
    for key, body in storage.objects.items():
        if key.startswith(layout.DOCUMENTS):
            project = encoding.decode(body).replace(format=1)
            storage.objects[key] = encoding.encode(encoding.in_format(project, 1))
    return storage


async def test_a_backup_of_format_1_is_restored_in_format_2(tmp_path: Path) -> None:
    backup, restored = MemoryStorage(), MemoryStorage()
    await publish(backup, tmp_path, "1.0", "2.0")
    of_format_1(backup)
    before = encoding.decode(backup.objects[KEY])
    assert (before.format, before.serial) == (1, 0)
    assert problems(await copy(backup, restored, tmp_path)) == []
    after = encoding.decode(restored.objects[KEY])
    assert (after.format, after.files, index(restored)["format"]) == (2, before.files, 2)
    assert after.serial >= last_serial(before)
    assert await listed(restored) == await listed(backup)


async def test_an_older_backup_gets_the_format_of_the_index(tmp_path: Path) -> None:
    source, target = MemoryStorage(), MemoryStorage()
    await publish(source, tmp_path, "1.0")
    await copy(source, target, tmp_path)
    of_format_1(target)
    await publish(source, tmp_path, "2.0")
    assert problems(await copy(source, target, tmp_path)) == []
    assert index(target)["format"] == 2
    assert encoding.decode(target.objects[KEY]).files == encoding.decode(source.objects[KEY]).files


async def test_an_index_with_older_servers_does_not_get_a_newer_format(tmp_path: Path) -> None:
    source, target = MemoryStorage(), MemoryStorage()
    await publish(source, tmp_path, "1.0")
    target.objects["wheelyard.json"] = b'{"format":1,"index":"packages/main"}'
    with pytest.raises(ConflictError, match=r"packages/main.*upgrade the servers of the target first"):
        await copy(source, target, tmp_path)
    assert set(target.objects) == {"wheelyard.json"}


async def test_a_copy_that_brings_nothing_new_writes_nothing_though_serials_differ(tmp_path: Path) -> None:
    source, target = MemoryStorage(), MemoryStorage()
    await publish(source, tmp_path, "1.0")
    await copy(source, target, tmp_path)
    before = dict(target.objects)
    await copy(source, target, tmp_path)
    assert target.objects == before
