"""Exports that people load, and what they accept."""

import pytest

from support import osv
from support.osv_feed import FakeFeed, Replicas, many
from wheelyard_server.errors import NothingWaitsError, StorageUnavailableError
from wheelyard_server.feed import Export
from wheelyard_server.storage import layout


async def export_of(*records: osv.OsvJson) -> Export:
    feed = FakeFeed()
    feed.show(*records)
    export = await feed.export()
    assert export is not None
    return export


async def test_an_export_that_a_person_loads_is_in_force_on_all_replicas_within_ten_seconds() -> None:
    world = Replicas(count=3)
    await world.first.by_hand.load(await export_of(*osv.odd_records()), "loaded by ann")
    assert world.first.blocks("evil-package")
    world.time.sleep(5)
    for each in world.all:
        await each.followed.follow()
    assert all(each.blocks("evil-package") for each in world.all)
    assert world.first.followed.pointer.source == "loaded by ann"


async def test_a_loaded_export_that_takes_away_much_waits_unless_it_is_accepted() -> None:
    world = Replicas(*many(100))
    await world.poll()
    few = await export_of(*list(world.feed.records.values())[:20])
    pointer = await world.first.by_hand.load(few, "loaded by ann")
    assert pointer.waiting is not None
    assert world.first.blocks("evil-1099")
    pointer = await world.first.by_hand.load(few, "loaded by ann", is_accepted=True)
    assert pointer.waiting is None
    assert not world.first.blocks("evil-1099")


async def test_nothing_that_waits_cannot_be_accepted() -> None:
    world = Replicas(*many(100))
    await world.poll()
    with pytest.raises(NothingWaitsError, match="Nothing waits"):
        await world.first.by_hand.accept()


async def test_a_server_that_fetches_meanwhile_does_not_overwrite_what_was_loaded() -> None:
    world = Replicas(*many(3), count=2)
    fetching, loading = world.all
    loaded = await export_of(*many(5))
    feed = world.feed

    async def slow(_etag: str = "") -> Export | None:
        await loading.by_hand.load(loaded, "loaded by ann")
        return await feed.export()

    fetching.fetcher._feed = type("Slow", (), {"source": "osv", "export": staticmethod(slow)})()
    await fetching.turn()
    await fetching.followed.follow()
    assert fetching.blocks("evil-1004")
    assert fetching.followed.pointer.source == "loaded by ann"


async def test_concurrent_writers_are_met_by_trying_again() -> None:
    world = Replicas()
    loaded = await export_of(*many(5))

    def change(method: str, key: str) -> None:
        if method == "write" and key == layout.CURRENT_ADVISORIES and conflicts:
            conflicts.pop()
            world.storage.objects[key] = b"{}" + b" " * len(conflicts)

    conflicts = [1, 2]
    world.storage.before_call = change
    await world.first.by_hand.load(loaded, "loaded by ann")
    assert world.first.blocks("evil-1000")
    conflicts.extend(range(9))
    with pytest.raises(StorageUnavailableError, match="too many concurrent writers"):
        await world.first.by_hand.load(loaded, "loaded by ann")
