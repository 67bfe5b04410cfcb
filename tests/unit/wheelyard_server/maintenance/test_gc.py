"""Only garbage is removed, whatever fails, and also during other writes."""

from datetime import timedelta
from pathlib import Path

import pytest

from support import distributions
from support.catalogs import DEMO, START, listed, publish, upload
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.errors import StorageError, StorageUnavailableError
from wheelyard_server.maintenance.events import Event, Finding, Foreign, Removed
from wheelyard_server.maintenance.gc import FENCES_KEPT, GRACE, Collector
from wheelyard_server.storage import layout

ORPHAN = "files/demo/orphan/demo-3.0.tar.gz"
HOUR = timedelta(hours=1)


@pytest.fixture
async def storage(tmp_path: Path) -> MemoryStorage:
    """Return an index with demo 1.0, 2.0 deleted, an orphan of demo and one of a project that never came to be."""
    made = MemoryStorage()
    made.now = START
    await publish(made, tmp_path, "1.0", "2.0")
    await Catalog(made, now=lambda: START).delete(DEMO, Selection(filename="demo-2.0-py3-none-any.whl"))
    made.objects[ORPHAN] = b"12345"
    made.objects["files/never/orphan/never-1.0.tar.gz"] = b"1"
    return made


async def collect(
    storage: MemoryStorage, age: timedelta = GRACE, *, dry_run: bool = False, with_unnamed: bool = False
) -> list[Event]:
    found: list[Event] = []
    await Collector(storage, found.append, START + age, GRACE, dry_run, with_unnamed).run()
    return found


def removed(events: list[Event]) -> list[tuple[str, int]]:
    return [(each.project, len(each.keys)) for each in events if isinstance(each, Removed)]


def objects(storage: MemoryStorage) -> list[str]:
    return sorted(key.rpartition("/")[2] for key in storage.objects if key.startswith("files/"))


KEPT = [f"demo-1.0-py3-none-any.whl{ending}" for ending in ("", ".metadata", ".provenance")]


async def test_objects_past_their_grace_period_are_collected_and_others_kept(storage: MemoryStorage) -> None:
    assert removed(await collect(storage, GRACE - HOUR)) == []
    assert sorted(removed(await collect(storage))) == [("demo", 1), ("demo", 3), ("never", 1)]
    assert objects(storage) == KEPT
    assert list(await listed(storage)) == ["demo-1.0-py3-none-any.whl"]
    assert removed(await collect(storage)) == []


async def test_a_dry_run_reports_the_same_and_changes_nothing(storage: MemoryStorage) -> None:
    before = dict(storage.objects)
    assert sorted(removed(await collect(storage, dry_run=True))) == [("demo", 1), ("demo", 3), ("never", 1)]
    assert storage.objects == before


async def test_the_youngest_object_of_an_upload_counts(storage: MemoryStorage) -> None:
    beside = f"{ORPHAN}.metadata"
    storage.objects[beside] = b""
    storage.modified[beside] = START + HOUR
    await collect(storage)
    assert {ORPHAN, beside} <= storage.objects.keys()


async def test_a_file_that_was_just_deleted_stays_for_the_grace_period(storage: MemoryStorage) -> None:
    await Catalog(storage, now=lambda: START + GRACE).delete(DEMO, Selection())
    await collect(storage, GRACE + HOUR)
    assert objects(storage) == KEPT
    await collect(storage, 2 * GRACE)
    assert objects(storage) == []


async def test_foreign_objects_are_reported_and_kept(storage: MemoryStorage) -> None:
    storage.objects["files/README"] = b"Read me"
    assert Foreign("files/README") in await collect(storage)
    assert "files/README" in storage.objects


async def test_a_paused_upload_is_fenced_and_its_retry_succeeds(storage: MemoryStorage, tmp_path: Path) -> None:
    """The upload stops just before its commit, its objects age, the collection runs, the upload goes on."""
    path = distributions.wheel(tmp_path, version="3.0")
    real_write = storage.write

    async def late(key: str, body: bytes, *, expected: object) -> object:
        if key == "projects/demo.json" and "3.0" in body.decode() and storage.write is late:
            storage.write = real_write  # type: ignore[method-assign]
            await collect(storage, with_unnamed=True)
        return await real_write(key, body, expected=expected)  # type: ignore[arg-type]

    storage.write = late  # type: ignore[assignment, method-assign]
    with pytest.raises(StorageUnavailableError, match="collected before it was committed"):
        await Catalog(storage).publish(upload(path))
    assert "demo-3.0-py3-none-any.whl" not in await listed(storage)
    await Catalog(storage).publish(upload(path))
    assert "demo-3.0-py3-none-any.whl" in await listed(storage)


async def test_an_upload_that_commits_between_the_listing_and_the_fence_stays(
    storage: MemoryStorage, tmp_path: Path
) -> None:
    await Catalog(storage).publish(upload(distributions.wheel(tmp_path, version="3.0")))
    committed = storage.objects["projects/demo.json"]
    await Catalog(storage, now=lambda: START).delete(DEMO, Selection(filename="demo-3.0-py3-none-any.whl"))

    moments = ["the last"]

    def commit_at_the_last_moment(method: str, key: str) -> None:
        if (method, key) == ("write", "projects/demo.json") and moments:
            storage.objects[key] = committed
            moments.clear()

    storage.before_call = commit_at_the_last_moment
    await collect(storage)
    assert not moments
    assert "demo-3.0-py3-none-any.whl" in await listed(storage)


@pytest.mark.parametrize("fault", list(Fault))
async def test_after_any_failure_nothing_is_lost_and_the_next_run_finishes(
    storage: MemoryStorage, fault: Fault
) -> None:
    before, calls = dict(storage.objects), len(storage.calls)
    await collect(storage)
    after, needed = objects(storage), len(storage.calls) - calls
    for call in range(1, needed + 1):
        storage.objects = dict(before)
        storage.fail_at(call, fault)
        try:
            found = await collect(storage)
        except StorageError:
            found = [Finding("", "it ended early")]
        assert list(await listed(storage)) == ["demo-1.0-py3-none-any.whl"]
        if any(isinstance(each, Finding) for each in found):
            await collect(storage)
        assert objects(storage) == after
        assert list(await listed(storage)) == ["demo-1.0-py3-none-any.whl"]


async def test_fences_are_kept_as_long_as_a_paused_upload_could_continue(storage: MemoryStorage) -> None:
    await collect(storage)

    async def fences() -> int:
        return len((await Documents(storage).read(DEMO)).project.fenced)

    assert await fences() == 2
    await collect(storage, GRACE + FENCES_KEPT - HOUR)
    assert await fences() == 2
    await collect(storage, GRACE + FENCES_KEPT + HOUR)
    assert await fences() == 0


async def test_a_possibly_acknowledged_upload_is_kept_unless_removal_is_requested(storage: MemoryStorage) -> None:
    storage.objects[f"{ORPHAN}.metadata"] = b"Name: demo"
    for dry_run in (True, False):
        events = await collect(storage, dry_run=dry_run)
        assert [each.key for each in events if isinstance(each, Finding)] == [ORPHAN]
        assert ORPHAN in storage.objects
    assert ("demo", 2) in removed(await collect(storage, with_unnamed=True))
    assert ORPHAN not in storage.objects


async def test_objects_of_a_killed_test_are_collected(storage: MemoryStorage) -> None:
    old, young = layout.probe("old"), layout.probe("young")
    storage.objects |= {old: b"create", young: b"create"}
    storage.modified[young] = START + HOUR
    await collect(storage, dry_run=True)
    assert old in storage.objects
    await collect(storage)
    assert old not in storage.objects
    assert young in storage.objects
