"""How old an answer may be, with a clock of the test's own."""

import asyncio

import pytest

from support.memory_storage import Fault, MemoryStorage
from support.patience import HANG_SECONDS
from wheelyard_server.catalog import freshness
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.freshness import FreshReader
from wheelyard_server.catalog.stored_project import CachedDocument
from wheelyard_server.errors import DamagedObjectError, StorageUnavailableError
from wheelyard_server.model import Project
from wheelyard_server.model.status import Status
from wheelyard_server.names import parse_project_name
from wheelyard_server.settings import Freshness

NAME = parse_project_name("demo")


class World:
    """A storage, a reader on it, and another replica that changes what is there."""

    def __init__(self, policy: Freshness) -> None:
        self.now = 1000.0
        self.storage = MemoryStorage()
        self.documents = Documents(self.storage, lambda: self.now)
        self.reader = FreshReader(self.documents, policy, lambda: self.now)
        self.other = Documents(self.storage)

    async def change(self, reason: str) -> None:
        def changed(project: Project) -> Project:
            return project.replace(status=Status.DEPRECATED, status_reason=reason)

        await self.other.change(NAME, changed)

    def cached(self) -> CachedDocument:
        cached = self.documents.cached(NAME)
        assert cached is not None
        return cached

    async def seen(self) -> tuple[str, float | None]:
        seen = await self.reader.read(NAME)
        return seen.stored.project.status_reason, seen.stale_seconds


async def test_by_default_every_answer_is_current() -> None:
    world = World(Freshness())
    for reason in ("one", "two"):
        await world.change(reason)
        assert await world.seen() == (reason, None)


async def test_with_freshness_a_recent_document_is_served_without_a_request() -> None:
    world = World(Freshness(fresh_seconds=2))
    await world.change("one")
    assert await world.seen() == ("one", None)
    await world.change("two")
    calls = len(world.storage.calls)
    world.now += 1.9
    assert await world.seen() == ("one", None)
    assert len(world.storage.calls) == calls
    world.now += 0.2
    assert await world.seen() == ("two", None)


async def test_a_document_confirmed_by_the_storage_is_as_fresh_as_a_read_one() -> None:
    world = World(Freshness(fresh_seconds=2))
    await world.change("one")
    await world.seen()
    world.now += 10
    cached = world.cached()
    assert not world.reader.is_fresh(cached)
    assert await world.reader.is_unchanged(cached)
    assert world.cached() == cached._replace(checked=world.now)
    assert world.reader.is_fresh(world.cached())
    await world.change("two")
    assert not await world.reader.is_unchanged(world.cached())
    world.now += 10
    assert await world.seen() == ("two", None)
    # An older cached document is not replaced, whatever the storage says.
    await world.reader.is_unchanged(cached)
    assert world.cached().checked == world.now


async def test_during_an_outage_there_are_no_cheap_checks() -> None:
    world = World(Freshness())
    await world.change("one")
    await world.seen()
    world.storage.fail_at(1, Fault.LOST_REQUEST)
    assert (await world.seen())[1] is not None
    calls = len(world.storage.calls)
    assert not await world.reader.is_unchanged(world.cached())
    assert len(world.storage.calls) == calls
    assert await world.seen() == ("one", None)
    assert await world.reader.is_unchanged(world.cached())


async def test_in_an_outage_cached_documents_are_served_as_stale_for_a_bounded_time() -> None:
    world = World(Freshness(stale_seconds=60))
    await world.change("one")
    await world.seen()
    world.now += 50
    world.storage.fail_at(1, Fault.LOST_REQUEST)
    assert await world.seen() == ("one", 50)
    world.now += 20
    world.storage.fail_at(1, Fault.LOST_REQUEST)
    with pytest.raises(StorageUnavailableError):
        await world.seen()
    assert await world.seen() == ("one", None)


async def test_a_storage_that_hangs_keeps_only_the_first_reader_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "PATIENCE_SECONDS", 0.2)
    world = World(Freshness())
    await world.change("one")
    await world.seen()
    hanging = asyncio.Event()
    read = world.storage.read

    async def hang(key: str, **cached: object) -> object:
        await hanging.wait()
        return await read(key, **cached)  # type: ignore[arg-type]

    monkeypatch.setattr(world.storage, "read", hang)
    for _ in range(5):
        reason, stale = await world.seen()
        assert (reason, stale is not None) == ("one", True)
    hanging.set()
    await asyncio.sleep(0)
    monkeypatch.setattr(world.storage, "read", read)
    await world.change("two")
    assert await world.seen() == ("two", None)


async def test_a_damaged_document_is_an_error_and_not_served_stale() -> None:
    world = World(Freshness())
    await world.change("one")
    await world.seen()
    world.storage.objects["projects/demo.json"] = b"{"
    with pytest.raises(DamagedObjectError):
        await world.seen()


async def test_one_unreadable_project_does_not_shorten_the_wait_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(freshness, "PATIENCE_SECONDS", HANG_SECONDS)
    world = World(Freshness())
    slow = parse_project_name("slow")
    for name in (NAME, slow):
        await world.other.change(name, lambda project: project.replace(status=Status.DEPRECATED))
        await world.reader.read(name)
    world.storage.fail_at(1, Fault.LOST_REQUEST)
    assert (await world.reader.read(NAME)).stale_seconds is not None
    read = world.storage.read

    async def take_a_while(key: str, **cached: object) -> object:
        await asyncio.sleep(0.2)
        return await read(key, **cached)  # type: ignore[arg-type]

    monkeypatch.setattr(world.storage, "read", take_a_while)
    assert (await world.reader.read(slow)).stale_seconds is None
    # A project that failed before is not waited for.
    assert (await world.reader.read(NAME)).stale_seconds is not None
