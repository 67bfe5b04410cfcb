"""The advisories of an index on this server: following, fetching, and what people do with them."""

from collections.abc import Callable
from typing import NamedTuple

from wheelyard_server.catalog.advisories.by_hand import AdvisoriesByHand
from wheelyard_server.catalog.advisories.fetching import AdvisoryFetcher
from wheelyard_server.catalog.advisories.following import FollowedAdvisories
from wheelyard_server.catalog.advisories.state import AdvisoriesState, state_of
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import WallClock
from wheelyard_server.feed import Export, Feed
from wheelyard_server.policy.advisories import Advisories
from wheelyard_server.storage import Storage


class ConfiguredFeed(NamedTuple):
    """The feed of the settings."""

    feed: Feed | None = None
    """None: advisories are only loaded by hand."""
    poll_seconds: float = 120


class AdvisoriesOfIndex:
    """Holds one of each part."""

    def __init__(
        self,
        storage: Storage,
        configured: ConfiguredFeed,
        put_in_force: Callable[[Advisories], None],
        writes: WriteGate,
        now: WallClock,
    ) -> None:
        self._writes = writes
        self._now = now
        self._followed = FollowedAdvisories(storage, put_in_force)
        self._by_hand = AdvisoriesByHand(storage, self._followed, now)
        self._feed = configured.feed
        self._fetcher = (
            None
            if configured.feed is None
            else AdvisoryFetcher(storage, self._followed, configured.feed, configured.poll_seconds, now)
        )

    @property
    def has_feed(self) -> bool:
        """Return whether the settings have a feed."""
        return self._feed is not None

    @property
    def failures(self) -> int:
        """Return how many attempts to read the feed have failed on this server."""
        return 0 if self._fetcher is None else self._fetcher.failures

    def state(self) -> AdvisoriesState:
        """Return the state, without asking the storage."""
        return state_of(self._followed, self._now(), has_feed=self.has_feed)

    async def follow(self) -> None:
        """Put in force what the storage names; raise `StorageUnavailableError`."""
        await self._followed.follow()

    async def fetch(self) -> None:
        """Ask the feed if that is due; raise `StorageError`, `BusyError` or `UnsafeStorageError`."""
        if self._fetcher is not None:
            await self._writes.passed()
            await self._fetcher.fetch_if_due()

    async def load(self, export: Export, source: str, *, is_accepted: bool) -> AdvisoriesState:
        """Put an export in force that a person sends; raise as `fetch`."""
        await self._writes.passed()
        await self._by_hand.load(export, source, is_accepted=is_accepted)
        return self.state()

    async def accept(self) -> AdvisoriesState:
        """Accept that the feed takes records away; raise `NothingWaitsError`, or as `fetch`."""
        await self._writes.passed()
        await self._by_hand.accept()
        return self.state()

    async def close(self) -> None:
        """End the connections to the feed."""
        if self._feed is not None:
            await self._feed.close()
