"""Makes the next pointer of an export or of single records. Nothing is in force before it is written."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from wheelyard_server.catalog.advisories import layers
from wheelyard_server.catalog.advisories.following import FollowedAdvisories
from wheelyard_server.catalog.advisories.layers import Layer
from wheelyard_server.catalog.advisories.merging import (
    Merged,
    Records,
    amount_of,
    known_records,
    layer_of,
    merge_changes,
    merge_export,
    nothing,
)
from wheelyard_server.catalog.advisories.pointer import Pointer, Waiting
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import FeedError, NoListingError
from wheelyard_server.feed import Export, Feed, Listing, Record
from wheelyard_server.sliced import in_slices
from wheelyard_server.storage import Storage

log = logging.getLogger(__name__)

EXPORT_EVERY = timedelta(days=1)
"""How often all records are read, if the feed lists its changes."""
EXPORT_AGAIN = timedelta(minutes=15)
"""The least time between two exports of a feed that lists its changes."""
MAX_CHANGES = 500
"""More changes than this are read from an export."""
MAX_CHANGED_NAMES = 2_000
"""With more projects than this, the changes become part of a new base."""
_RECORDS_AT_ONCE = 8


class Updates:
    """Reads a feed, and stores what changes. Raises `FeedError` and `StorageError`."""

    def __init__(self, storage: Storage, followed: FollowedAdvisories, now: WallClock) -> None:
        self._storage = storage
        self._followed = followed
        self._now = now

    async def from_feed(self, feed: Feed, pointer: Pointer) -> Pointer:
        """Return the pointer with what the feed shows now."""
        if pointer.source != feed.source or self._followed.problem or not pointer.base:
            pointer = pointer.replace(exported=None, export_etag="", listing_etag="")
        if self._is_export_due(pointer):
            return await self._exported(feed, pointer)
        try:
            listing = await feed.listing(pointer.listing_etag)
        except NoListingError:
            return await self._exported(feed, pointer)
        if listing is None:
            return pointer
        return await self._listed(feed, pointer, listing)

    async def with_export(self, pointer: Pointer, export: Export) -> Pointer:
        """Return the pointer with all records of an export."""
        known = await self._known()
        sent = await asyncio.to_thread(_dated, export.records, self._now())
        merged = await asyncio.to_thread(
            merge_export, known, sent, export.unreadable, pointer.reference, pointer.accepted
        )
        base = await self._stored(merged.records)
        amount = await asyncio.to_thread(amount_of, merged.records)
        reference = pointer.reference if merged.refused else amount
        accepted = pointer.accepted if merged.refused else None
        return self._shown(self._waiting(pointer, merged), export.shown or merged.offered.changed).replace(
            base=base,
            changes="",
            amount=amount,
            reference=reference,
            accepted=accepted,
            unreadable=len(export.unreadable),
            exported=self._now(),
            in_force=pointer.in_force if base == pointer.base and not pointer.changes else self._now(),
        )

    def _is_export_due(self, pointer: Pointer) -> bool:
        every = EXPORT_EVERY if pointer.waiting is None else EXPORT_AGAIN
        return self._is_longer_ago(pointer.exported, every)

    def _is_longer_ago(self, moment: datetime | None, than: timedelta) -> bool:
        return moment is None or not timedelta(0) <= self._now() - moment < than

    async def _exported(self, feed: Feed, pointer: Pointer) -> Pointer:
        export = await feed.export(pointer.export_etag)
        if export is None:
            return pointer.replace(exported=self._now())
        updated = await self.with_export(pointer, export)
        return updated.replace(export_etag=export.etag)

    async def _listed(self, feed: Feed, pointer: Pointer, listing: Listing) -> Pointer:
        known = await self._known()
        wanted = await asyncio.to_thread(_wanted, known, listing.modified, self._now())
        is_beyond_records = len(wanted) > MAX_CHANGES or _lacks(listing.modified, known)
        if is_beyond_records and self._is_longer_ago(pointer.exported, EXPORT_AGAIN):
            return await self._exported(feed, pointer)
        fetched = await self._records(feed, known, wanted[:MAX_CHANGES])
        updated = await self._with_changes(pointer, known, fetched.records)
        updated = self._shown(updated, listing.shown)
        if fetched.error is not None:
            if not fetched.records:
                raise fetched.error
            return updated
        return updated.replace(listing_etag=listing.etag if len(wanted) <= MAX_CHANGES else "")

    async def _with_changes(self, pointer: Pointer, known: Records, changed: Records) -> Pointer:
        """Return the pointer with single records that have changed."""
        if not changed:
            return pointer
        merged = await asyncio.to_thread(merge_changes, known, changed, pointer.reference, pointer.accepted)
        last = self._followed.layers[0] if pointer.changes else Layer()
        names = {*last.names, *(name for id_ in changed for each in (known, changed) for name in _names(each, id_))}
        updated = self._waiting(pointer, merged).replace(
            amount=await asyncio.to_thread(amount_of, merged.records), in_force=self._now()
        )
        if len(names) > MAX_CHANGED_NAMES:
            return updated.replace(base=await self._stored(merged.records), changes="")
        ids = [id_ for id_ in {**last.others, **changed} if id_ in merged.records]
        return updated.replace(changes=await self._stored(merged.records, names, ids))

    async def _records(self, feed: Feed, known: Records, wanted: Sequence[tuple[datetime, str]]) -> "_Fetched":
        """Return the records that the feed has; on failure, those that came before."""
        places = asyncio.Semaphore(_RECORDS_AT_ONCE)

        async def one(modified: datetime, identifier: str) -> Record:
            async with places:
                record = await feed.record(identifier)
            # One that is gone or unreadable says what it said before. It is not asked for again
            # until it changes.
            record = record or known.get(identifier) or nothing(identifier, modified)
            return dated(record, max(record.modified, modified))

        results = await asyncio.gather(*(one(*each) for each in wanted), return_exceptions=True)
        records = {each.id: each for each in results if isinstance(each, Record)}
        errors = [each for each in results if isinstance(each, BaseException)]
        for error in errors:
            if not isinstance(error, FeedError):
                raise error
        return _Fetched(records, next((each for each in errors if isinstance(each, FeedError)), None))

    def _waiting(self, pointer: Pointer, merged: Merged) -> Pointer:
        """Return the pointer with what waits."""
        waiting = None
        if merged.refused:
            since = pointer.waiting.since if pointer.waiting else self._now()
            waiting = Waiting(reason=merged.refused, since=since, amount=merged.offered)
            if pointer.waiting is None:
                log.error("The feed of advisories takes away too much: %s. %s", merged.refused, _WHAT_TO_DO)
        return pointer.replace(waiting=waiting)

    def _shown(self, pointer: Pointer, shown: datetime | None) -> Pointer:
        """Return the pointer with when the feed showed something new, which is never in the future."""
        now = self._now()
        return pointer.replace(shown=max(min(shown or now, now), pointer.shown or shown or now))

    async def _known(self) -> Records:
        return await in_slices(known_records(self._followed.layers))

    async def _stored(
        self, records: Records, names: Collection[str] | None = None, ids: Collection[str] = ()
    ) -> str:
        return await layers.store(self._storage, await in_slices(layer_of(records, names, ids)))


_WHAT_TO_DO = (
    "Its new records are in force, and those that are missing stay. If that is right: wheelyard advisories accept"
)


class _Fetched(NamedTuple):
    records: Records
    error: FeedError | None


def dated(record: Record, modified: datetime) -> Record:
    """Return a record as one that was changed at another time."""
    if record.modified == modified:
        return record
    advisories = {
        name: msgspec.structs.replace(each, modified=modified) for name, each in record.advisories.items()
    }
    return Record.of(record.id, modified, advisories, is_odd=record.is_odd)


def _dated(records: Records, now: datetime) -> Records:
    """Return the records without times in the future: no later state of such a one would ever count."""
    return {id_: dated(each, min(each.modified, now)) for id_, each in records.items()}


def _wanted(known: Records, modified: Mapping[str, datetime], now: datetime) -> list[tuple[datetime, str]]:
    """Return the records that have changed, the last change first."""
    changed = [
        (min(moment, now), id_)
        for id_, moment in modified.items()
        if id_ not in known or known[id_].modified < moment <= now
    ]
    return sorted(changed, reverse=True)


def _lacks(modified: Mapping[str, datetime], known: Records) -> bool:
    """Return whether a record that says something is no longer listed."""
    return any(each.packed and id_ not in modified for id_, each in known.items())


def _names(records: Records, identifier: str) -> Collection[str]:
    return records[identifier].packed if identifier in records else ()
