"""Exceptions and malware are announced once on each server, with ids that do not depend on it."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from support.fake_upstream import START, FakeTime, FakeUpstream, configured, replica
from support.fetch_logs import ANN
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog.announcements import ENDED_FOR, Announcements
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.errors import StorageError
from wheelyard_server.events.queue import EventQueue, Result
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import parse_project_name
from wheelyard_server.policy.advisories import Advisories, Advisory
from wheelyard_server.policy.affected_versions import listed
from wheelyard_server.settings.policy import (
    Cooldown,
    Denied,
    ExceptableRule,
    PolicyException,
    PolicyFile,
    PolicyRules,
    Until,
)
from wheelyard_server.settings.upstreams import Names
from wheelyard_server.settings.webhook import EventKind

DEMO = parse_project_name("demo")
OLD, NEW = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"


class Announcing:
    """A server that announces, and what it has announced."""

    def __init__(self, storage: MemoryStorage, time: FakeTime, upstream: FakeUpstream) -> None:
        self.catalog: Catalog = replica(storage, time, configured(upstream))
        self.queue = EventQueue("/wheelyard/packages/main", tuple(EventKind))
        self.announcements: Announcements = self.catalog.announcements(self.queue)

    async def fetch(self, filename: str) -> MirroredFile:
        """Do as a handler after it has sent a file."""
        view = await self.catalog.project(DEMO)
        file = await view.file(filename)
        assert isinstance(file, MirroredFile)
        self.catalog.fetches.counter.count((DEMO, filename, file.sha256, file.version), ANN, "192.0.2.1", "pip")
        return file

    async def announced(self) -> list[dict[str, object]]:
        """Let it announce, and return what is new."""
        await self.catalog.fetches.flush()
        await self.announcements.announce()
        found = []
        while (first := self.queue.first()) is not None:
            found.append(json.loads(first.body))
            self.queue.done(first, Result.SENT)
        return found


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def upstream() -> FakeUpstream:
    found = FakeUpstream()
    found.put("demo", OLD, NEW)
    return found


@pytest.fixture
def server(storage: MemoryStorage, time: FakeTime, upstream: FakeUpstream) -> Announcing:
    return Announcing(storage, time, upstream)


def exception(until: datetime, versions: str = "==2.0") -> PolicyException:
    return PolicyException(
        packages=("demo",),
        versions=versions,
        rules=(ExceptableRule.DENY,),
        until=Until.parse(until.isoformat()),
        reason="SEC-412",
        approved_by="ann",
    )


def put(server: Announcing, *exceptions: PolicyException, private: Iterable[str] = ()) -> None:
    denied = Denied(packages=("demo",), versions="==2.0")
    rules = PolicyRules(cooldown=Cooldown(), deny=(denied,), exceptions=exceptions)
    server.catalog.basis.put_file(PolicyFile(names=Names(private=tuple(private)), policy=rules))


async def test_a_file_that_only_an_exception_lets_in_is_announced_when_it_is_fetched(server: Announcing) -> None:
    put(server, exception(START + timedelta(days=1)))
    await server.fetch(OLD)
    assert await server.announced() == []
    file = await server.fetch(NEW)
    await server.fetch(NEW)
    (event,) = await server.announced()
    assert (event["type"], event["subject"]) == ("dev.wheelyard.exception.used", NEW)
    assert event["data"] == {
        "project": "demo",
        "version": "2.0",
        "filename": NEW,
        "sha256": file.sha256,
        "from": ["deny"],
        "until": "2026-12-01T00:00:00Z",
        "reason": "SEC-412",
        "approvedBy": "ann",
    }
    await server.fetch(NEW)
    assert await server.announced() == []


async def test_another_exception_for_the_same_file_is_another_event(server: Announcing) -> None:
    put(server, exception(START + timedelta(days=1)))
    await server.fetch(NEW)
    assert len(await server.announced()) == 1
    put(server, exception(START + timedelta(days=2)))
    await server.fetch(NEW)
    assert len(await server.announced()) == 1


@pytest.mark.parametrize("is_removed", [True, False])
async def test_a_fetch_is_announced_although_its_exception_has_ended_since(
    server: Announcing, time: FakeTime, *, is_removed: bool
) -> None:
    put(server, exception(START + timedelta(minutes=1)))
    assert await server.announced() == []
    await server.fetch(NEW)
    if is_removed:
        put(server)
    else:
        time.sleep(61)
    kinds = [event["type"] for event in await server.announced()]
    assert "dev.wheelyard.exception.used" in kinds
    time.sleep(61)
    assert "dev.wheelyard.exception.used" not in [event["type"] for event in await server.announced()]


async def test_a_fetch_is_not_forgotten_while_the_storage_does_not_answer(
    server: Announcing, storage: MemoryStorage
) -> None:
    put(server, exception(START + timedelta(days=1)))
    await server.fetch(NEW)
    await server.catalog.fetches.flush()
    storage.fail_at(0, Fault.LOST_REQUEST, times=1000)
    with pytest.raises(StorageError):
        await server.announcements.announce()
    storage.recover()
    assert len(await server.announced()) == 1


async def test_the_end_of_an_exception_is_announced_once_and_for_a_day(server: Announcing, time: FakeTime) -> None:
    ends = START + timedelta(hours=1)
    put(server, exception(ends))
    assert await server.announced() == []
    time.sleep(3600)
    (event,) = await server.announced()
    assert (event["type"], event["subject"], event["time"]) == (
        "dev.wheelyard.exception.ended",
        "demo",
        "2026-11-30T01:00:00Z",
    )
    assert event["data"] == {
        "packages": ["demo"],
        "versions": "==2.0",
        "from": ["deny"],
        "until": "2026-11-30T01:00:00Z",
        "reason": "SEC-412",
        "approvedBy": "ann",
    }
    assert await server.announced() == []


async def test_an_exception_that_ended_long_ago_is_no_news(server: Announcing, time: FakeTime) -> None:
    put(server, exception(START))
    time.sleep(ENDED_FOR.total_seconds())
    assert await server.announced() == []


async def test_servers_announce_the_same_event_with_the_same_id(
    server: Announcing, storage: MemoryStorage, time: FakeTime, upstream: FakeUpstream
) -> None:
    other = Announcing(storage, time, upstream)
    ids = []
    for each in (server, other):
        put(each, exception(START + timedelta(hours=1)), exception(START, "==1.0"))
        await each.fetch(NEW)
        ids.append({event["id"] for event in await each.announced()})
    assert ids[0] == ids[1]
    assert len(ids[0]) == 2


def malware(identifier: str = "MAL-2026-1", **fields: object) -> Advisory:
    base: dict[str, object] = {
        "id": identifier,
        "is_malware": True,
        "severity": None,
        "published": datetime(2026, 11, 30, tzinfo=UTC),
        "is_reviewed": True,
    }
    return Advisory(**(base | fields))  # type: ignore[arg-type]


async def test_malware_in_what_was_fetched_is_announced_when_the_advisory_arrives(
    server: Announcing, time: FakeTime
) -> None:
    await server.fetch(NEW)
    await server.fetch(NEW)
    file = await server.fetch(OLD)
    assert await server.announced() == []
    time.sleep(86_400 * 10)
    known = malware(versions=(listed("1.0"),), intervals=())
    server.catalog.basis.put_advisories(Advisories("1", {"demo": (known, malware("GHSA-1", is_malware=False))}))
    (event,) = await server.announced()
    assert (event["type"], event["subject"]) == ("dev.wheelyard.malware.fetched", OLD)
    assert event["data"] == {
        "project": "demo",
        "version": "1.0",
        "filename": OLD,
        "sha256": file.sha256,
        "advisories": ["MAL-2026-1"],
        "fetches": 1,
        "lastFetch": "2026-11-30T00:00:00Z",
    }
    assert await server.announced() == []


async def test_malware_is_found_by_its_digest_under_any_name(server: Announcing) -> None:
    file = await server.fetch(NEW)
    known = malware(digests=(file.sha256,))
    server.catalog.basis.put_advisories(Advisories("1", {"evil": (known,)}, {file.sha256: "evil"}))
    (event,) = await server.announced()
    assert event["subject"] == NEW


async def test_a_private_name_is_never_matched(server: Announcing) -> None:
    await server.fetch(NEW)
    put(server, private=["demo"])
    server.catalog.basis.put_advisories(Advisories("1", {"demo": (malware(),)}))
    assert await server.announced() == []


async def test_the_log_is_read_again_only_for_new_advisories(server: Announcing) -> None:
    await server.fetch(NEW)
    server.catalog.basis.put_advisories(Advisories("1", {"other": (malware(),)}))
    assert await server.announced() == []
    server.catalog.basis.put_advisories(Advisories("1", {"demo": (malware(),)}))
    assert await server.announced() == [], "the same revision has the same records"
    server.catalog.basis.put_advisories(Advisories("2", {"demo": (malware(),)}))
    assert len(await server.announced()) == 1


async def test_documents_are_read_only_of_malware(server: Announcing, storage: MemoryStorage) -> None:
    """Most projects have some vulnerability, and advisories change every few minutes."""
    await server.fetch(NEW)
    await server.announced()
    storage.calls.clear()
    others = (malware("GHSA-1", is_malware=False), malware(versions=(listed("9.0"),), intervals=()))
    server.catalog.basis.put_advisories(Advisories("1", {"demo": others}))
    assert await server.announced() == []
    assert not [call for call in storage.calls if "projects/" in call]


async def test_an_outage_of_the_storage_delays_an_announcement(server: Announcing, storage: MemoryStorage) -> None:
    await server.fetch(NEW)
    await server.catalog.fetches.flush()
    server.catalog.basis.put_advisories(Advisories("1", {"demo": (malware(),)}))
    storage.fail_at(0, Fault.LOST_REQUEST, times=1000)
    with pytest.raises(StorageError):
        await server.announcements.announce()
    storage.recover()
    assert len(await server.announced()) == 1
