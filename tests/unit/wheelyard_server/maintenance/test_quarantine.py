from datetime import UTC, datetime

import msgspec
import pytest

from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.quarantine import parse_quarantine
from wheelyard_server.errors import DamagedObjectError
from wheelyard_server.maintenance.events import Event, Finding
from wheelyard_server.maintenance.quarantine import copy_quarantine, verify_quarantine
from wheelyard_server.policy.quarantine import Quarantine, Quarantined
from wheelyard_server.storage import layout

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def storage(*projects: str, reason: str = "alert") -> MemoryStorage:
    """Return a storage in which these projects are quarantined."""
    found = MemoryStorage()
    entries = tuple(Quarantined(project=each, reason=reason, by="ann", at=NOW) for each in projects)
    if entries:
        found.objects[layout.QUARANTINE] = msgspec.json.encode(Quarantine(entries=entries))
    return found


def quarantined(found: MemoryStorage) -> dict[str, str]:
    entries = parse_quarantine(found.objects[layout.QUARANTINE]).entries
    return {each.project: each.reason for each in entries}


async def test_a_copy_refuses_what_its_source_refuses_and_keeps_what_its_target_has() -> None:
    target = storage("b", "c", reason="newer")
    for _ in range(2):
        await copy_quarantine(storage("a", "b"), target)
        assert quarantined(target) == {"a": "alert", "b": "newer", "c": "newer"}
    assert [call for call in target.calls if call.startswith("write")] == [f"write {layout.QUARANTINE}"]


async def test_without_a_quarantine_nothing_is_copied() -> None:
    target = storage()
    await copy_quarantine(storage(), target)
    assert target.objects == {}


async def test_another_writer_of_the_target_loses_nothing() -> None:
    target = storage()

    def write(method: str, _key: str) -> None:
        if method == "write" and not target.objects:
            target.objects.update(storage("c").objects)

    target.before_call = write
    await copy_quarantine(storage("a"), target)
    assert quarantined(target) == {"a": "alert", "c": "alert"}


async def test_a_damaged_quarantine_is_a_finding_and_is_not_copied_as_nothing() -> None:
    found, events = storage("a"), list[Event]()
    await verify_quarantine(found, events.append)
    assert events == []
    found.objects[layout.QUARANTINE] = b"{"
    await verify_quarantine(found, events.append)
    assert [each.key for each in events if isinstance(each, Finding)] == [layout.QUARANTINE]
    with pytest.raises(DamagedObjectError):
        await copy_quarantine(found, storage())
