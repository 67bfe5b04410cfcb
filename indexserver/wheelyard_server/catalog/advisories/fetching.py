"""Fetches advisories, on one replica at a time: the one whose claim in the pointer succeeds.

Each step may be the last of a killed server: objects are stored before the pointer names them, and
a claim ends by itself.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from wheelyard_server.catalog.advisories.collecting import collect
from wheelyard_server.catalog.advisories.following import FollowedAdvisories
from wheelyard_server.catalog.advisories.pointer import Claim, Failure, Pointer, read, write
from wheelyard_server.catalog.advisories.updating import Updates
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import FeedError, PreconditionFailedError, StorageError
from wheelyard_server.feed import Feed
from wheelyard_server.storage import Storage

log = logging.getLogger(__name__)

CLAIM_SECONDS = 60.0
"""How long a claim counts. It is renewed while its server works."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""A time that is further in the future is an error of some clock, and must not stop the feed."""
_TRIES = 5


class LostClaimError(Exception):
    """Another server or a person has changed the pointer, so this server's work counts for nothing."""


class AdvisoryFetcher:
    """Asks a feed when it is due."""

    def __init__(
        self, storage: Storage, followed: FollowedAdvisories, feed: Feed, poll_seconds: float, now: WallClock
    ) -> None:
        self._storage = storage
        self._followed = followed
        self._feed = feed
        self._poll = timedelta(seconds=poll_seconds)
        self._now = now
        self._server = secrets.token_hex(8)
        self._updates = Updates(storage, followed, now)
        self.failures = 0
        """Number of failed attempts of this replica."""

    async def fetch_if_due(self) -> None:
        """Ask the feed for changes, unless that is not due or another server does; raise `StorageError`."""
        if not self._is_due(self._followed.pointer):
            return
        with suppress(PreconditionFailedError, LostClaimError):
            async with self._claimed() as pointer:
                asked = await self._asked(pointer)
            await self._finish(asked.replace(claim=None, tried=self._now()))
            if asked.exported != pointer.exported:
                await collect(self._storage, self._followed.pointer.digests, self._now())

    def _is_due(self, pointer: Pointer) -> bool:
        now = self._now()
        if pointer.claim is not None and now < pointer.claim.until < now + CLOCKS_DIFFER:
            return False
        return pointer.tried is None or not now - self._poll < pointer.tried < now + CLOCKS_DIFFER

    async def _asked(self, pointer: Pointer) -> Pointer:
        """Return the pointer after asking the feed, whether it answered or not."""
        try:
            updated = await self._updates.from_feed(self._feed, pointer)
        except FeedError as error:
            self.failures += 1
            return self._failed(pointer, error)
        if pointer.failure is not None:
            log.info("The feed of advisories answers again")
        return updated.replace(checked=self._now(), failure=None, source=self._feed.source)

    def _failed(self, pointer: Pointer, error: FeedError) -> Pointer:
        known = pointer.failure
        if known is None or known.reason != error.reason:
            log.warning("%s: what is known stays in force", error)
        return pointer.replace(failure=Failure(reason=error.reason, since=known.since if known else self._now()))

    @asynccontextmanager
    async def _claimed(self) -> AsyncIterator[Pointer]:
        """Claim the feed for as long as a block takes; raise `PreconditionFailedError` if another server has it."""
        stored = self._followed.stored
        claimed = stored.pointer.replace(claim=self._claim())
        await self._followed.take(await write(self._storage, claimed, stored.etag))
        renewing = asyncio.create_task(self._renew())
        try:
            yield claimed
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])

    def _claim(self) -> Claim:
        return Claim(by=self._server, until=self._now() + timedelta(seconds=CLAIM_SECONDS))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(CLAIM_SECONDS / 3)
            with suppress(StorageError, LostClaimError):
                await self._finish(self._followed.pointer.replace(claim=self._claim()))

    async def _finish(self, pointer: Pointer) -> None:
        """Write the pointer while the claim is this server's; raise `LostClaimError` or `StorageError`."""
        for _ in range(_TRIES):
            stored = self._followed.stored
            if stored.pointer.claim is None or stored.pointer.claim.by != self._server:
                raise LostClaimError
            try:
                await self._followed.take(await write(self._storage, pointer, stored.etag))
            except PreconditionFailedError:
                # Perhaps this server's own success, whose answer was lost.
                await self._followed.take(await read(self._storage))
            else:
                return
        raise LostClaimError
