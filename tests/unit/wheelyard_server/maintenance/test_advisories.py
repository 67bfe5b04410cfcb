"""Advisories are checked and copied: a restored index refuses the malware that the old one refused."""

from pathlib import Path

import pytest

from support import osv
from support.memory_storage import MemoryStorage
from support.osv_feed import Replica, Replicas, many
from wheelyard_server.catalog.ownership import take_ownership
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.maintenance.copy import Copier
from wheelyard_server.maintenance.events import CopiedAdvisories, Event, Finding
from wheelyard_server.maintenance.verify import StorageVerifier
from wheelyard_server.storage import layout


@pytest.fixture
async def world() -> Replicas:
    """Return an index with advisories, and changes to them."""
    world = Replicas(*osv.odd_records(), *many(30))
    await take_ownership(world.storage, "packages/main")
    await world.poll()
    world.feed.show(world.evil(77))
    await world.poll()
    assert world.first.followed.pointer.changes
    return world


async def copy(source: MemoryStorage, target: MemoryStorage, folder: Path) -> list[Event]:
    found: list[Event] = []
    await Copier(source, target, Scratch(folder, 10**6), found.append, None).run()
    return [each for each in found if isinstance(each, CopiedAdvisories | Finding)]


async def findings(storage: MemoryStorage) -> list[str]:
    found: list[Event] = []
    await StorageVerifier(storage, found.append).run()
    return [each.key for each in found if isinstance(each, Finding)]


async def test_advisories_that_can_be_read_have_no_findings(world: Replicas) -> None:
    assert await findings(world.storage) == []


async def test_advisories_that_are_lost_or_damaged_are_found(world: Replicas) -> None:
    base, changes = (layout.advisories(each) for each in reversed(world.first.followed.pointer.digests))
    del world.storage.objects[base]
    world.storage.objects[changes] = b"other bytes"
    assert await findings(world.storage) == [changes, base]
    world.storage.objects[layout.CURRENT_ADVISORIES] = b"{"
    assert await findings(world.storage) == [layout.CURRENT_ADVISORIES]


async def test_a_copy_refuses_what_the_source_refused(world: Replicas, tmp_path: Path) -> None:
    target = MemoryStorage()
    assert await copy(world.storage, target, tmp_path) == [CopiedAdvisories(40)]
    restored = Replica(target, world.feed, world.time)
    await restored.followed.follow()
    assert restored.blocks("evil-77")
    assert restored.blocks("evil-package")
    assert await copy(world.storage, target, tmp_path) == []


async def test_later_advisories_of_the_target_stay(world: Replicas, tmp_path: Path) -> None:
    target = MemoryStorage()
    await copy(world.storage, target, tmp_path)
    world.time.sleep(86_400)
    own = Replica(target, world.feed, world.time)
    world.feed.show(world.evil(78))
    await own.turn()
    assert own.blocks("evil-78")
    assert await copy(world.storage, target, tmp_path) == []
    await own.followed.follow()
    assert own.blocks("evil-78")


async def test_damaged_advisories_are_not_copied(world: Replicas, tmp_path: Path) -> None:
    base = layout.advisories(world.first.followed.pointer.base)
    world.storage.objects[base] = b"other bytes"
    target = MemoryStorage()
    [finding] = await copy(world.storage, target, tmp_path)
    assert isinstance(finding, Finding)
    assert finding.key == base
    assert layout.CURRENT_ADVISORIES not in target.objects
