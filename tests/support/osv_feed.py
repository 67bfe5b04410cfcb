"""A feed in memory, replicas that follow it, and a clock that all share."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from support import osv
from support.fake_upstream import FakeTime
from support.memory_storage import MemoryStorage
from wheelyard_server.catalog.advisories.by_hand import AdvisoriesByHand
from wheelyard_server.catalog.advisories.fetching import AdvisoryFetcher
from wheelyard_server.catalog.advisories.following import FollowedAdvisories
from wheelyard_server.errors import FeedError, NoListingError
from wheelyard_server.feed import Export, Listing, Record
from wheelyard_server.feed.osv_records import UnreadableRecordError, read_record
from wheelyard_server.policy.advisories import Advisories
from wheelyard_server.storage import Storage


@dataclass
class FakeFeed:
    """Records by id, as OSV shows them. `error` is raised by every call."""

    source: str = "osv"
    records: dict[str, osv.OsvJson] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Records that cannot be read."""
    error: FeedError | None = None
    has_listing: bool = True
    old_export: dict[str, osv.OsvJson] | None = None
    """What the export has, if it is older than the records."""
    shown: datetime | None = None
    calls: list[str] = field(default_factory=list)

    def show(self, *records: osv.OsvJson) -> None:
        """Show records, new ones or others than before."""
        self.records.update({each["id"]: each for each in records})

    async def export(self, etag: str = "") -> Export | None:
        records = self.records if self.old_export is None else self.old_export
        if self._is_unchanged("export", etag, records):
            return None
        readable = {id_: _read(each) for id_, each in records.items() if id_ not in self.broken}
        return Export(readable, frozenset(self.broken & set(records)), _etag(records), self.shown)

    async def listing(self, etag: str = "") -> Listing | None:
        if not self.has_listing:
            raise NoListingError("has an export only")
        if self._is_unchanged("listing", etag, self.records):
            return None
        modified = {id_: datetime.fromisoformat(each["modified"]) for id_, each in self.records.items()}
        return Listing(modified, _etag(self.records), self.shown)

    async def record(self, identifier: str) -> Record | None:
        self._called(f"record {identifier}")
        if identifier in self.broken or identifier not in self.records:
            return None
        try:
            return _read(self.records[identifier])
        except UnreadableRecordError:
            return None

    async def close(self) -> None:
        self.calls.append("close")

    def _is_unchanged(self, call: str, etag: str, records: dict[str, osv.OsvJson]) -> bool:
        self._called(call)
        return etag == _etag(records)

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error


class Replica:
    """A replica that follows the advisories of a storage."""

    def __init__(self, storage: Storage, feed: FakeFeed, time: FakeTime, poll_seconds: float = 120) -> None:
        self.put: list[Advisories] = []
        """The advisories that were put in force, in order."""
        self.followed = FollowedAdvisories(storage, self.put.append)
        self.fetcher = AdvisoryFetcher(storage, self.followed, feed, poll_seconds, time.now)
        self.by_hand = AdvisoriesByHand(storage, self.followed, time.now)

    async def turn(self) -> None:
        """Do what the background loops do every few seconds."""
        await self.followed.follow()
        await self.fetcher.fetch_if_due()

    def blocks(self, name: str, version: str = "1.0") -> bool:
        """Return whether a release is malware here."""
        return any(each.is_malware for each in self.followed.value.affecting(name, version))


class Replicas:
    """Several replicas of one index."""

    def __init__(self, *records: osv.OsvJson, count: int = 1, poll_seconds: float = 120) -> None:
        self.time = FakeTime()
        self.storage = MemoryStorage()
        self.feed = FakeFeed()
        self.feed.show(*records)
        self.poll_seconds = poll_seconds
        self.all = [self.another() for _ in range(count)]

    @property
    def first(self) -> Replica:
        return self.all[0]

    def another(self) -> Replica:
        """Return a replica that just started."""
        return Replica(self.storage, self.feed, self.time, self.poll_seconds)

    async def poll(self, seconds: float = 121) -> None:
        """Let time pass, and let each replica do its turn twice: the second follows what the first fetched."""
        self.time.sleep(seconds)
        for _ in range(2):
            for each in self.all:
                await each.turn()

    def moment(self, **ago: float) -> datetime:
        """Return a moment of the past."""
        return self.time.now() - timedelta(**ago)

    def evil(self, number: int, name: str = "", *versions: str) -> osv.OsvJson:
        """Return a report of malware of this moment."""
        return osv.malware(f"MAL-2026-{number}", name or f"evil-{number}", *versions, modified=self.time.now())


def many(count: int, first: int = 1000) -> Iterable[osv.OsvJson]:
    """Yield reports of malware."""
    return (osv.malware(f"MAL-2026-{number}", f"evil-{number}") for number in range(first, first + count))


def _read(record: osv.OsvJson) -> Record:
    return read_record(json.dumps(record).encode())


def _etag(records: dict[str, osv.OsvJson]) -> str:
    return f'"{hash(json.dumps(records, sort_keys=True))}"'
