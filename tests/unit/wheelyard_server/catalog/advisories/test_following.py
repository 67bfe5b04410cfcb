"""What the storage names is in force; what cannot be read leaves the last state, or refuses."""

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from support import osv
from support.memory_storage import Fault
from support.osv_feed import Replica, Replicas, many
from wheelyard_server.errors import FeedError, StorageUnavailableError
from wheelyard_server.storage import layout
from wheelyard_server.storage.folder import FolderStorage


async def test_a_replica_that_starts_has_the_advisories_before_it_serves() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    started = world.another()
    await started.followed.follow()
    assert started.blocks("evil-package")
    assert started.followed.value.revision == world.first.followed.value.revision


async def test_a_pointer_that_has_not_changed_costs_one_cheap_check() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.storage.calls.clear()
    await world.first.followed.follow()
    assert world.storage.calls == [f"is_unchanged {layout.CURRENT_ADVISORIES}"]


async def test_a_storage_that_does_not_answer_is_an_error_and_changes_nothing() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.storage.fail_at(1, Fault.LOST_REQUEST, times=9)
    with pytest.raises(StorageUnavailableError):
        await world.first.followed.follow()
    assert world.first.blocks("evil-package")


@pytest.mark.parametrize("body", [None, b"", b"other bytes"])
async def test_advisories_that_are_lost_stay_in_force_where_they_are_and_refuse_elsewhere(
    body: bytes | None,
) -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    key = layout.advisories(world.first.followed.pointer.base)
    if body is None:
        del world.storage.objects[key]
    else:
        world.storage.objects[key] = body
    started = world.another()
    await started.followed.follow()
    assert started.followed.value.are_lost
    assert started.followed.value.are_known
    assert key in started.followed.problem
    await world.first.followed.follow()
    assert world.first.blocks("evil-package")


async def test_a_pointer_that_cannot_be_read_refuses_and_the_next_export_repairs_it() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.storage.objects[layout.CURRENT_ADVISORIES] = b"{"
    started = world.another()
    await started.followed.follow()
    assert started.followed.value.are_lost
    world.all.append(started)
    await world.poll()
    assert all(each.blocks("evil-package") and not each.followed.problem for each in world.all)


async def test_a_pointer_that_is_lost_takes_nothing_out_of_force_and_is_written_again() -> None:
    """U11: a lost document never permits more than before."""
    world = Replicas(*osv.odd_records())
    await world.poll()
    del world.storage.objects[layout.CURRENT_ADVISORIES]
    await world.first.followed.follow()
    assert world.first.blocks("evil-package")
    assert layout.CURRENT_ADVISORIES in world.first.followed.problem
    await world.poll()
    assert layout.CURRENT_ADVISORIES in world.storage.objects
    assert all(each.blocks("evil-package") and not each.followed.problem for each in [*world.all, world.first])


async def test_a_server_that_refuses_since_advisories_are_lost_does_so_without_a_pointer_too() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.storage.objects[layout.CURRENT_ADVISORIES] = b"{"
    started = world.another()
    await started.followed.follow()
    del world.storage.objects[layout.CURRENT_ADVISORIES]
    await started.followed.follow()
    assert started.followed.value.are_lost


async def test_a_feed_that_fails_ends_no_refusal_because_of_lost_advisories() -> None:
    """U11: a server that begins to fetch them again writes a pointer, which names none yet."""
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.storage.objects[layout.CURRENT_ADVISORIES] = b"{"
    world.all = [world.another(), world.another()]
    for each in world.all:
        await each.followed.follow()
    world.feed.error = FeedError("does not answer")
    await world.poll()
    assert all(each.followed.value.are_lost for each in world.all)


async def test_lost_advisories_are_fetched_again() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    del world.storage.objects[layout.advisories(world.first.followed.pointer.base)]
    world.all = [world.another()]
    await world.poll()
    assert world.first.blocks("evil-package")
    assert not world.first.followed.value.are_lost


async def test_a_replica_that_has_lost_advisories_in_memory_stores_them_again() -> None:
    world = Replicas(*osv.odd_records(), *many(30))
    await world.poll()
    world.storage.objects = {layout.CURRENT_ADVISORIES: world.storage.objects[layout.CURRENT_ADVISORIES]}
    world.feed.records = dict(list(world.feed.records.items())[:5])
    await world.poll(86_400)
    assert world.first.followed.pointer.waiting is not None
    started = world.another()
    await started.followed.follow()
    assert started.blocks("evil-1029")


async def test_an_object_of_a_newer_server_is_not_guessed_at() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    pointer = json.loads(world.storage.objects[layout.CURRENT_ADVISORIES])
    body = b"\x92\x02\x90"

    digest = hashlib.sha256(body).hexdigest()
    world.storage.objects[layout.advisories(digest)] = body
    world.storage.objects[layout.CURRENT_ADVISORIES] = json.dumps({**pointer, "base": digest}).encode()
    started = world.another()
    await started.followed.follow()
    assert started.followed.value.are_lost
    assert "a newer server wrote this object (format 2)" in started.followed.problem


async def test_a_folder_is_looked_at_without_reading(tmp_path: Path) -> None:
    world = Replicas(*osv.odd_records())
    storage = FolderStorage(tmp_path)
    replica, other = (Replica(storage, world.feed, world.time) for _ in range(2))
    await replica.turn()
    await other.followed.follow()
    assert other.blocks("evil-package")
    world.feed.show(world.evil(77))
    world.time.sleep(121)
    await replica.turn()
    await other.followed.follow()
    assert other.blocks("evil-77")
    put = len(other.put)
    await other.followed.follow()
    assert len(other.put) == put


async def test_all_of_osv_is_put_in_force_without_blocking_the_event_loop() -> None:
    """Chunks are read in slices: the event loop takes its turns between them."""
    world = Replicas(*many(3_000))
    await world.poll()
    started = world.another()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await started.followed.follow()
    counting.cancel()
    assert started.blocks("evil-3999")
    assert turns >= 12
