"""One of several replicas fetches, all follow, and nothing that fails permits more than before (U11)."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from support import osv
from support.memory_storage import Fault
from support.osv_feed import Replicas, many
from wheelyard_server.catalog.advisories import updating
from wheelyard_server.errors import FeedError, StorageError
from wheelyard_server.storage import layout


async def test_the_first_export_is_in_force_on_all_replicas() -> None:
    world = Replicas(*osv.odd_records(), count=3)
    await world.poll()
    assert all(each.blocks("evil-package") and not each.blocks("innocent") for each in world.all)
    assert {each.followed.value.revision for each in world.all} == {world.first.followed.pointer.revision}
    assert world.feed.calls == ["export"]
    amount = world.first.followed.pointer.amount
    assert (amount.records, amount.malware) == (9, 5)


async def test_one_replica_asks_for_changes_and_only_for_the_records_that_changed() -> None:
    world = Replicas(*osv.odd_records(), count=3)
    await world.poll()
    world.feed.show(world.evil(77))
    world.feed.calls.clear()
    await world.poll()
    assert world.feed.calls == ["listing", "record MAL-2026-77"]
    assert all(each.blocks("evil-77") and each.blocks("evil-package") for each in world.all)


async def test_what_has_not_changed_is_not_stored_again() -> None:
    world = Replicas(*osv.odd_records(), count=3)
    await world.poll()
    stored, revision = set(world.storage.objects), world.first.followed.value.revision
    await world.poll()
    await world.poll()
    assert set(world.storage.objects) == stored
    assert world.first.followed.value.revision == revision
    assert world.feed.calls == ["export", "listing", "listing"]
    assert all(len(each.put) == 1 for each in world.all)


async def test_the_feed_is_asked_as_often_as_the_settings_say() -> None:
    world = Replicas(*osv.odd_records(), count=3, poll_seconds=10)
    await world.poll()
    await world.poll(9)
    assert world.feed.calls == ["export"]
    await world.poll(2)
    assert world.feed.calls == ["export", "listing"]


async def test_a_withdrawal_unblocks() -> None:
    world = Replicas(*osv.odd_records(), count=3)
    await world.poll()
    world.feed.show(osv.withdrawn(world.feed.records["MAL-2026-1"], world.time.now()))
    await world.poll()
    assert not any(each.blocks("evil-package") for each in world.all)
    world.feed.show(
        {**world.evil(1, "evil_package"), "modified": osv.stamp(world.time.now() + timedelta(seconds=60))}
    )
    await world.poll()
    assert all(each.blocks("evil-package") for each in world.all)


async def test_a_record_that_names_another_project_unblocks_the_first() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.feed.show(world.evil(1, "the-right-name"))
    await world.poll()
    assert world.first.blocks("the-right-name")
    assert not world.first.blocks("evil-package")


async def test_changes_add_up_and_the_daily_export_takes_them_over() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    for number in range(3):
        world.feed.show(world.evil(80 + number))
        await world.poll()
    assert world.first.followed.pointer.changes
    await world.poll(86_400)
    assert not world.first.followed.pointer.changes
    assert all(world.first.blocks(f"evil-{80 + number}") for number in range(3))
    assert world.first.blocks("evil-package")


async def test_changes_of_many_projects_become_part_of_a_new_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updating, "MAX_CHANGED_NAMES", 2)
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.feed.show(*(world.evil(80 + number) for number in range(3)))
    await world.poll()
    assert not world.first.followed.pointer.changes
    assert world.first.blocks("evil-82")
    assert world.first.blocks("evil-package")


async def test_many_changes_are_read_from_an_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updating, "MAX_CHANGES", 2)
    world = Replicas(*osv.odd_records())
    await world.poll()
    await world.poll(1000)
    world.feed.calls.clear()
    world.feed.show(*(world.evil(80 + number) for number in range(3)))
    await world.poll()
    assert world.feed.calls == ["listing", "export"]
    assert world.first.blocks("evil-82")


async def test_soon_after_an_export_many_changes_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updating, "MAX_CHANGES", 2)
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.feed.show(*(world.evil(80 + number) for number in range(3)))
    await world.poll()
    assert sum(world.first.blocks(f"evil-{80 + number}") for number in range(3)) == 2
    await world.poll()
    assert all(world.first.blocks(f"evil-{80 + number}") for number in range(3))
    assert "export" not in world.feed.calls[1:]


async def test_a_record_that_is_no_longer_listed_goes_with_an_export() -> None:
    world = Replicas(*osv.odd_records(), *many(40))
    await world.poll()
    del world.feed.records["MAL-2026-1"]
    await world.poll(1000)
    assert not world.first.blocks("evil-package")
    assert world.first.blocks("evil-1000")


async def test_a_feed_without_a_listing_is_asked_for_its_export() -> None:
    world = Replicas(*osv.odd_records())
    world.feed.has_listing = False
    await world.poll()
    world.feed.show(world.evil(77))
    await world.poll()
    assert world.first.blocks("evil-77")
    assert world.feed.calls == ["export", "export"]


async def test_an_export_that_is_older_than_single_records_takes_nothing_back() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.feed.old_export = dict(world.feed.records)
    world.feed.show(world.evil(77), osv.withdrawn(world.feed.records["MAL-2026-2"], world.time.now()))
    await world.poll()
    await world.poll(86_400)
    assert world.feed.calls.count("export") == 2
    assert world.first.blocks("evil-77")
    assert not world.first.blocks("all-versions")


async def test_a_record_that_can_no_longer_be_read_says_what_it_said() -> None:
    world = Replicas(*osv.odd_records(), *many(40))
    await world.poll()
    world.feed.show(world.evil(1, "evil_package"))
    world.feed.broken = {"MAL-2026-1"}
    await world.poll()
    assert world.first.blocks("evil-package")
    assert world.feed.calls[-1] == "record MAL-2026-1"
    await world.poll()
    assert world.feed.calls[-1] == "listing"
    await world.poll(86_400)
    assert world.first.blocks("evil-package")
    assert world.first.followed.pointer.unreadable == 1


async def test_a_time_in_the_future_does_not_outlive_later_states() -> None:
    future = osv.malware("MAL-2026-77", "evil-77", modified=Replicas().time.now() + timedelta(days=900))
    world = Replicas(*osv.odd_records(), future)
    await world.poll()
    assert world.first.blocks("evil-77")
    world.feed.show(osv.withdrawn(future, world.time.now() + timedelta(seconds=60)))
    await world.poll()
    assert not world.first.blocks("evil-77")
    assert world.first.followed.pointer.waiting is None


async def test_a_feed_that_lost_a_tenth_of_its_records_waits_for_a_person_but_what_it_adds_counts() -> None:
    world = Replicas(*many(100))
    await world.poll()
    kept = dict(list(world.feed.records.items())[:85])
    world.feed.records = kept
    world.feed.show(world.evil(1))
    await world.poll(86_400)
    pointer = world.first.followed.pointer
    assert pointer.waiting is not None
    assert pointer.waiting.reason == "it has 86 records, after 100"
    assert world.first.blocks("evil-1")
    assert world.first.blocks("evil-1099")
    assert pointer.amount.records == 101
    world.feed.show(world.evil(2))
    await world.poll()
    assert world.first.blocks("evil-2")


async def test_a_feed_that_has_its_records_again_waits_no_longer() -> None:
    world = Replicas(*many(100))
    await world.poll()
    whole = dict(world.feed.records)
    world.feed.records = dict(list(whole.items())[:50])
    await world.poll(86_400)
    assert world.first.followed.pointer.waiting is not None
    world.feed.records = whole
    await world.poll(1000)
    assert world.first.followed.pointer.waiting is None


async def test_what_a_person_accepts_is_in_force_with_the_next_export() -> None:
    world = Replicas(*many(100), count=2)
    await world.poll()
    world.feed.records = dict(list(world.feed.records.items())[:50])
    await world.poll(86_400)
    await world.all[1].by_hand.accept()
    await world.poll(5)
    assert not any(each.blocks("evil-1099") for each in world.all)
    assert all(each.blocks("evil-1000") for each in world.all)
    pointer = world.first.followed.pointer
    assert (pointer.waiting, pointer.accepted, pointer.amount.records) == (None, None, 50)


async def test_less_than_a_person_accepted_waits_again() -> None:
    world = Replicas(*many(100))
    await world.poll()
    world.feed.records = dict(list(world.feed.records.items())[:50])
    await world.poll(86_400)
    await world.first.by_hand.accept()
    world.feed.records = dict(list(world.feed.records.items())[:20])
    await world.poll(5)
    assert world.first.blocks("evil-1099")
    assert world.first.followed.pointer.waiting is not None


async def test_single_withdrawals_of_more_than_a_tenth_wait_too() -> None:
    world = Replicas(*many(100))
    await world.poll()
    world.feed.show(*(osv.withdrawn(each, world.time.now()) for each in list(world.feed.records.values())[:20]))
    await world.poll()
    assert world.first.followed.pointer.waiting is not None
    assert world.first.blocks("evil-1000")


async def test_a_feed_that_lost_its_malware_among_many_others_waits() -> None:
    others = [osv.vulnerability(f"GHSA-{number}", "flask", fixed="9") for number in range(100)]
    world = Replicas(*many(5), *others)
    await world.poll()
    world.feed.records = {each["id"]: each for each in others}
    await world.poll(86_400)
    assert world.first.followed.pointer.waiting is not None
    assert world.first.blocks("evil-1000")


async def test_an_export_from_the_past_waits() -> None:
    world = Replicas(*many(100))
    old = dict(world.feed.records)
    world.feed.show(world.evil(1))
    await world.poll()
    world.feed.old_export = old
    world.feed.records = dict(old)
    await world.poll(86_400)
    pointer = world.first.followed.pointer
    assert pointer.waiting is not None
    assert pointer.waiting.reason.startswith("its last change is of 2026-11-01 00:00 UTC, after ")
    assert world.first.blocks("evil-1")


async def test_a_feed_that_fails_changes_nothing_and_says_since_when() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.feed.error = FeedError("does not answer in time (osv.example.com)")
    await world.poll()
    since = world.time.now()
    await world.poll()
    failure = world.first.followed.pointer.failure
    assert failure is not None
    assert (failure.reason, failure.since) == ("does not answer in time (osv.example.com)", since)
    assert world.first.blocks("evil-package")
    assert world.first.fetcher.failures == 2
    world.feed.error = None
    await world.poll()
    assert world.first.followed.pointer.failure is None


async def test_before_a_feed_answers_nothing_is_known_and_nothing_lost() -> None:
    world = Replicas()
    world.feed.error = FeedError("does not answer")
    await world.poll()
    assert not world.first.followed.value.are_known
    assert world.another().followed.value.are_lost is False


async def test_a_replica_whose_claim_ended_is_followed_by_another() -> None:
    world = Replicas(*osv.odd_records(), count=2)
    killed, other = world.all
    await killed.followed.follow()
    hanging = asyncio.Event()

    async def never(_etag: str = "") -> None:
        await hanging.wait()

    fetching = killed.fetcher
    fetching._feed = type("Hanging", (), {"source": "osv", "export": staticmethod(never)})()
    task = asyncio.create_task(fetching.fetch_if_due())
    await asyncio.sleep(0)
    while not world.storage.objects:
        await asyncio.sleep(0)
    await other.turn()
    assert world.feed.calls == []
    task.cancel()
    world.time.sleep(61)
    await other.turn()
    assert world.feed.calls == ["export"]
    assert other.blocks("evil-package")


async def test_another_feed_is_read_from_its_beginning() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    world.feed.source = "https://mirror.example.com/osv/"
    await world.poll()
    assert world.feed.calls == ["export", "export"]
    assert world.first.followed.pointer.source == "https://mirror.example.com/osv/"


async def test_objects_that_are_no_longer_named_are_removed_after_a_day() -> None:
    world = Replicas(*osv.odd_records())
    await world.poll()
    old = set(world.storage.objects) - {layout.CURRENT_ADVISORIES}
    world.storage.modified = dict.fromkeys(old, world.moment(hours=1))
    world.storage.now = world.moment(hours=-24)
    world.feed.show(world.evil(77))
    await world.poll(86_400)
    named = {layout.advisories(each) for each in world.first.followed.pointer.digests}
    assert set(world.storage.objects) == {layout.CURRENT_ADVISORIES, *named}
    assert not named & old


async def test_objects_that_another_server_may_be_about_to_name_stay() -> None:
    world = Replicas(*osv.odd_records())
    world.storage.now = world.time.now()
    world.storage.objects[layout.advisories("a" * 64)] = b"of another server"
    await world.poll()
    assert layout.advisories("a" * 64) in world.storage.objects


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_storage_that_fails_at_any_step_permits_nothing_and_recovers(fault: Fault) -> None:
    for call in range(1, 12):
        world = Replicas(*osv.odd_records(), *many(30), count=2)
        await world.poll()
        world.feed.show(world.evil(77), osv.withdrawn(world.feed.records["MAL-2026-2"], world.time.now()))
        world.time.sleep(121)
        world.storage.fail_at(call, fault)
        for each in world.all:
            with suppress(StorageError):
                await each.turn()
            assert each.blocks("evil-package")
            assert each.blocks("evil-1000")
        restarted = world.another()
        world.all.append(restarted)
        world.storage.recover()
        await world.poll(200)
        await world.poll(200)
        assert all(each.blocks("evil-77") and not each.blocks("all-versions") for each in world.all), call


async def test_a_replica_that_is_killed_at_any_step_leaves_the_last_state_or_the_next() -> None:
    """Each call of the storage is the last one of a server; others and a new one continue."""
    for call in range(1, 9):
        world = Replicas(*osv.odd_records(), *many(30))
        await world.poll()
        world.feed.show(world.evil(77))
        world.time.sleep(121)
        world.storage.fail_at(call, Fault.LOST_REQUEST, times=1000)
        for _ in range(call):
            with suppress(StorageError):
                await world.first.turn()
        world.storage.recover()
        started = world.another()
        await started.followed.follow()
        assert started.blocks("evil-package")
        assert started.blocks("evil-1000")
        world.all = [started]
        await world.poll(200)
        assert started.blocks("evil-77")


async def test_malware_is_blocked_on_three_replicas_within_five_minutes_of_its_showing() -> None:
    """Section 9.9, worst of 20, with a turn of each replica every 5 s and the default poll of 120 s."""
    world = Replicas(*many(30), count=3)
    await world.poll()
    worst = 0.0
    for number in range(20):
        world.time.sleep(7 * number)
        world.feed.show(world.evil(number))
        began = world.time.seconds
        while not all(each.blocks(f"evil-{number}") for each in world.all):
            world.time.sleep(5)
            for each in world.all:
                await each.turn()
        worst = max(worst, world.time.seconds - began)
    assert worst <= 300
