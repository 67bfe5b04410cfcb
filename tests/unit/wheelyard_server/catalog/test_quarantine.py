import asyncio
import json
import logging

import pytest

from support.fake_upstream import FakeTime, FakeUpstream, configured, replica
from support.memory_storage import Fault, MemoryStorage
from wheelyard_server.catalog import quarantine as module
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.errors import (
    DamagedObjectError,
    InvalidRequestError,
    NotFoundError,
    RefusedFileError,
    StorageUnavailableError,
)
from wheelyard_server.names import parse_project_name
from wheelyard_server.policy.quarantine import Quarantined
from wheelyard_server.storage import layout

DEMO = parse_project_name("demo")
PATH = "packages/demo-1.0-py3-none-any.whl"


@pytest.fixture
def waits() -> list[float]:
    """Return how long changes have waited for the other replicas."""
    return []


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def replicas(storage: MemoryStorage, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> list[Catalog]:
    """Return three replicas whose changes do not wait."""

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    upstream, time = FakeUpstream(), FakeTime()
    upstream.put("demo", "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl")
    found = [replica(storage, time, configured(upstream)) for _ in range(3)]
    for each in found:
        monkeypatch.setattr(each.quarantine, "_sleep", sleep)
    return found


def subjects(catalog: Catalog) -> list[tuple[str, str, str]]:
    return [(each.project, each.version, each.sha256) for each in catalog.quarantine.entries]


async def test_a_quarantined_version_is_refused_by_every_replica_that_has_read_it_until_it_is_lifted(
    replicas: list[Catalog], waits: list[float]
) -> None:
    here, *others = replicas
    for each in replicas:
        assert (await each.project(DEMO)).file_count == 2
    await here.quarantine_release(DEMO, "1.0", "alert 7", "ann")
    assert waits == [module.IN_FORCE_SECONDS], "the answer comes when the others must have read it"
    for each in replicas:
        if each in others:
            await each.quarantine.follow()
        assert [file.version for file in (await each.project(DEMO)).files] == ["2.0"]
        with pytest.raises(RefusedFileError, match=r"demo 1.0 is quarantined since .* UTC: alert 7"):
            await each.mirrored.find(DEMO, "up", PATH)
    assert await others[0].quarantine.lift(project="demo", version="1.0") == ()
    for each in replicas:
        await each.quarantine.follow()
        assert (await each.project(DEMO)).file_count == 2


async def test_a_replica_that_starts_knows_what_is_quarantined(
    storage: MemoryStorage, replicas: list[Catalog]
) -> None:
    await replicas[0].quarantine_file("a" * 64, "leaked", "ann")
    fresh = Catalog(storage)
    await fresh.quarantine.refresh()
    assert subjects(fresh) == [("", "", "a" * 64)]
    assert fresh.basis.value.quarantine.entries == fresh.quarantine.entries


@pytest.mark.parametrize("body", [None, b"", b"{", b'{"entries": 1}', b'{"entries": [{"reason": "x"}]}'])
async def test_a_replica_that_cannot_read_it_keeps_the_last_one(
    storage: MemoryStorage, replicas: list[Catalog], body: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """U11: a lost or damaged object never permits more than before."""
    here, there, _ = replicas
    await here.quarantine_release(DEMO, "", "alert", "ann")
    await there.quarantine.follow()
    good = storage.objects.pop(layout.QUARANTINE)
    if body is not None:
        storage.objects[layout.QUARANTINE] = body
    caplog.clear()
    for _ in range(3):
        await there.quarantine.follow()
    assert subjects(there) == [("demo", "", "")]
    assert there.quarantine.error
    assert [record.levelno for record in caplog.records] == [logging.ERROR], "it is logged once"
    storage.objects[layout.QUARANTINE] = good
    await there.quarantine.follow()
    assert there.quarantine.error == ""


async def test_while_the_storage_does_not_answer_the_last_one_stays_in_force(
    storage: MemoryStorage, replicas: list[Catalog]
) -> None:
    await replicas[0].quarantine_release(DEMO, "", "alert", "ann")
    looked = replicas[0].quarantine.looked
    storage.fail_at(1, Fault.LOST_REQUEST, times=100)
    await replicas[0].quarantine.follow()
    assert subjects(replicas[0]) == [("demo", "", "")]
    assert (replicas[0].quarantine.looked, bool(replicas[0].quarantine.error)) == (looked, True)
    with pytest.raises(StorageUnavailableError):
        await replicas[0].quarantine.lift(project="demo")
    storage.recover()


async def test_a_lost_object_can_be_written_again(storage: MemoryStorage, replicas: list[Catalog]) -> None:
    here = replicas[0]
    await here.quarantine_release(DEMO, "", "alert", "ann")
    del storage.objects[layout.QUARANTINE]
    with pytest.raises(DamagedObjectError, match="lost"):
        await here.quarantine.refresh()
    await here.quarantine_release(DEMO, "1.0", "alert", "ann")
    fresh = Catalog(storage)
    await fresh.quarantine.refresh()
    assert subjects(fresh) == [("demo", "", ""), ("demo", "1.0", "")]


async def test_concurrent_changes_on_all_replicas_are_all_in_force(
    storage: MemoryStorage, replicas: list[Catalog]
) -> None:
    await asyncio.gather(
        *(each.quarantine_release(DEMO, f"{number}.0", "alert", "ann") for number, each in enumerate(replicas))
    )
    fresh = Catalog(storage)
    await fresh.quarantine.refresh()
    assert sorted(subjects(fresh)) == [("demo", f"{number}.0", "") for number in range(3)]


async def test_a_write_whose_answer_was_lost_is_a_success(storage: MemoryStorage, replicas: list[Catalog]) -> None:
    await replicas[0].quarantine_release(DEMO, "1.0", "alert", "ann")
    storage.calls.clear()
    storage.fail_at(2, Fault.LOST_ANSWER_THEN_CONFLICT)
    await replicas[0].quarantine_release(DEMO, "2.0", "alert", "ann")
    assert len(subjects(replicas[0])) == 2


async def test_an_entry_for_the_same_files_replaces_the_one_before(replicas: list[Catalog]) -> None:
    for reason in ("alert", "confirmed"):
        await replicas[0].quarantine_release(DEMO, "1.0", reason, "ann")
    assert [each.reason for each in replicas[0].quarantine.entries] == ["confirmed"]


@pytest.mark.parametrize(
    "wanted", [{"project": "demo"}, {"project": "demo", "version": "2.0"}, {"sha256": "a" * 64}]
)
async def test_only_what_is_quarantined_can_be_lifted(replicas: list[Catalog], wanted: dict[str, str]) -> None:
    """Lifting a project must not lift a version that another alert concerns."""
    await replicas[0].quarantine_release(DEMO, "1.0", "alert", "ann")
    with pytest.raises(NotFoundError, match="wheelyard quarantine --list"):
        await replicas[0].quarantine.lift(**wanted)


async def test_there_is_a_bound(replicas: list[Catalog], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 2)
    for number in range(2):
        await replicas[0].quarantine_release(DEMO, f"{number}.0", "alert", "ann")
    with pytest.raises(InvalidRequestError, match="deny"):
        await replicas[0].quarantine_release(DEMO, "3.0", "alert", "ann")
    await replicas[0].quarantine_release(DEMO, "1.0", "still", "ann")


async def test_an_index_without_a_quarantine_costs_a_request_each_round_and_no_page(
    storage: MemoryStorage, replicas: list[Catalog]
) -> None:
    """43,200 conditional GETs a day and replica; a view is decided once."""
    offers = (await replicas[0].project(DEMO)).offers
    storage.calls.clear()
    for _ in range(5):
        await replicas[0].quarantine.follow()
    assert storage.calls == [f"read {layout.QUARANTINE}"] * 5
    assert (await replicas[0].project(DEMO)).offers is offers
    assert (replicas[0].quarantine.error, replicas[0].quarantine.entries) == ("", ())


async def test_the_object_is_as_the_contract_says(storage: MemoryStorage, replicas: list[Catalog]) -> None:
    await replicas[0].quarantine_release(DEMO, "1.0", "alert", "ann")
    await replicas[0].quarantine_file("a" * 64, "leaked", "bob")
    first, second = json.loads(storage.objects[layout.QUARANTINE])["entries"]
    assert first.keys() == {"reason", "by", "at", "project", "version"}
    assert second.keys() == {"reason", "by", "at", "sha256"}
    assert module.parse_quarantine(storage.objects[layout.QUARANTINE]).entries[0] == Quarantined(
        project="demo", version="1.0", reason="alert", by="ann", at=replicas[0]._now()
    )
