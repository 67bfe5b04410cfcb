"""Metrics of advisories, and the answer for the operator."""

from datetime import timedelta

from prometheus_client import CollectorRegistry

from support import osv
from support.fake_upstream import FakeTime
from support.memory_storage import MemoryStorage
from support.osv_feed import FakeFeed, many
from wheelyard_server.catalog.advisories.advisories_of_index import AdvisoriesOfIndex, ConfiguredFeed
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.errors import FeedError
from wheelyard_server.storage import layout
from wheelyard_server.web.telemetry.advisory_metrics import AdvisoryMetrics, AdvisoryStates


class World:
    """An index with a feed, its metrics, and the answer for the operator."""

    def __init__(self, feed: FakeFeed | None) -> None:
        self.time, self.storage = FakeTime(), MemoryStorage()
        self.advisories = AdvisoriesOfIndex(
            self.storage, ConfiguredFeed(feed), lambda _: None, WriteGate(), self.time.now
        )
        self.registry = CollectorRegistry()
        self.registry.register(AdvisoryMetrics(self.advisories))

    async def poll(self, seconds: float = 0) -> None:
        self.time.sleep(seconds)
        await self.advisories.follow()
        await self.advisories.fetch()

    def values(self) -> dict[str, float]:
        samples = [sample for metric in self.registry.collect() for sample in metric.samples]
        return {
            each.name.removeprefix("wheelyard_advisories_"): each.value
            for each in samples
            if not each.name.endswith("_created")
        }

    def described(self) -> dict[str, object]:
        return AdvisoryStates(self.advisories).described()


async def test_without_a_feed_there_is_nothing_and_nothing_is_late() -> None:
    world = World(None)
    await world.poll()
    assert world.values() == {
        **dict.fromkeys(("in_force", "lost", "records", "malware_records", "unreadable_records"), 0),
        **dict.fromkeys(("waiting", "failing", "late", "failures_total"), 0),
    }
    assert world.described() == {
        "feed": "", "revision": "", "records": 0, "late": False, "lost": False, "waiting": "", "failure": "",
    }  # fmt: skip


async def test_records_and_their_age_are_counted() -> None:
    feed = FakeFeed()
    feed.show(*osv.odd_records())
    world = World(feed)
    feed.shown = world.time.now()
    await world.poll()
    world.time.sleep(60)
    values = world.values()
    assert (values["in_force"], values["records"], values["malware_records"]) == (1, 9, 5)
    assert values["age_seconds"] == 60
    described = world.described()
    assert (described["feed"], described["records"], described["late"]) == ("osv", 9, False)
    assert described["revision"]


async def test_a_feed_that_shows_nothing_new_for_six_hours_is_late() -> None:
    feed = FakeFeed()
    feed.show(*osv.odd_records())
    world = World(feed)
    feed.shown = world.time.now()
    await world.poll()
    await world.poll(6 * 3600)
    assert world.described()["late"] is False
    await world.poll(1)
    assert world.described()["late"] is True
    assert world.values()["late"] == 1
    feed.show(osv.malware("MAL-2026-77", "evil", modified=world.time.now()))
    feed.shown = world.time.now()
    await world.poll(121)
    assert world.described()["late"] is False


async def test_failures_are_counted_and_described() -> None:
    feed = FakeFeed(error=FeedError("does not answer in time (osv.example.com)"))
    world = World(feed)
    await world.poll()
    await world.poll(121)
    assert (world.values()["failing"], world.values()["failures_total"]) == (1, 2)
    assert world.described()["failure"] == "does not answer in time (osv.example.com)"
    assert world.described()["feed"] == "configured"


async def test_what_waits_for_a_person_is_described() -> None:
    feed = FakeFeed()
    feed.show(*many(100))
    world = World(feed)
    await world.poll()
    feed.records = dict(list(feed.records.items())[:50])
    await world.poll(timedelta(days=1).total_seconds())
    assert world.values()["waiting"] == 1
    assert world.described()["waiting"] == "it has 50 records, after 100"


async def test_advisories_that_are_lost_are_described() -> None:
    world = World(None)
    world.storage.objects[layout.CURRENT_ADVISORIES] = b"{"
    await world.poll()
    assert (world.values()["lost"], world.values()["in_force"]) == (1, 0)
    assert world.described()["lost"] is True
