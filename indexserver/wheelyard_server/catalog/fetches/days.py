"""The days of the fetch log in the storage: reading one, merging its segments, and removing old ones.

Servers write segments, which never change. Any server merges those of a day into the day's object,
by compare-and-swap. The object says which segments are in it, so a merge that is killed at any
point, or done twice, counts nothing twice.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.fetches.encoding import (
    DayHeader,
    LogObject,
    MergedDay,
    Part,
    SegmentHeader,
    merged_header,
)
from wheelyard_server.errors import (
    DamagedObjectError,
    ObjectNotFoundError,
    PreconditionFailedError,
    StorageUnavailableError,
)
from wheelyard_server.sliced import in_slices
from wheelyard_server.storage import Document, ETag, Listed, Storage, layout
from wheelyard_server.storage.layout import SegmentKey

log = logging.getLogger(__name__)

MERGED_AT_ONCE = 200
"""Segments that one merge takes: each is open while it is merged."""
READ_TRIES = 10
"""Between two tries, another server has merged what was being read."""
CACHED_BYTES = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class DayKeys:
    """The objects of one day, as listed."""

    day: date
    merged: Listed | None = None
    segments: tuple[SegmentKey, ...] = ()


class _Merged(NamedTuple):
    part: LogObject[DayHeader]
    etag: ETag


@dataclass(frozen=True, slots=True)
class LoggedDay:
    """All fetches of one day, each in exactly one part."""

    day: date
    header: DayHeader = field(default_factory=DayHeader)
    """The header of all parts together."""
    parts: tuple[Part, ...] = ()
    damaged: tuple[str, ...] = ()
    """Keys of objects that cannot be read."""
    etag: ETag | None = None
    """ETag of the merged object; None if there is none."""
    fresh: tuple[SegmentKey, ...] = ()
    """Segments that are not merged yet, and can be: no earlier one of the same replica is missing."""


@dataclass(frozen=True, slots=True)
class LogKeys:
    """All objects of the fetch log, as listed."""

    days: Mapping[date, DayKeys]
    foreign: tuple[str, ...]


async def listed_keys(storage: Storage, folder: str = layout.FETCHES) -> LogKeys:
    """Return the objects of the log, or of the folder of one day."""
    merged: dict[date, Listed] = {}
    segments: defaultdict[date, list[SegmentKey]] = defaultdict(list)
    foreign = []
    async for listed in storage.list(folder):
        found = layout.parse_fetches(listed.key)
        if isinstance(found, SegmentKey):
            segments[found.day].append(found)
        elif found is not None:
            merged[found] = listed
        elif listed.size or not listed.key.endswith("/"):
            foreign.append(listed.key)
    days = {day: DayKeys(day, merged.get(day), tuple(segments[day])) for day in sorted({*merged, *segments})}
    return LogKeys(days, tuple(foreign))


class LogDays:
    """Reads and maintains the days of one storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._cache: MemoryCache[tuple[str, str], Document] = MemoryCache(CACHED_BYTES)
        """Merged days, by key and listing ETag."""

    async def keys(self) -> LogKeys:
        """Return the objects of the log; raise `StorageError`."""
        return await listed_keys(self._storage)

    async def read(self, keys: DayKeys, max_segments: int | None = None) -> LoggedDay:
        """Return a day; raise `StorageError`.

        `keys` were listed before. If another server merges meanwhile, they are listed again. Of too
        many segments, the first ones are in `fresh`.
        """
        for _ in range(READ_TRIES):
            try:
                return await self._read(keys, max_segments)
            except ObjectNotFoundError:
                again = await listed_keys(self._storage, layout.fetches_of(keys.day))
                keys = again.days.get(keys.day, DayKeys(keys.day))
        raise StorageUnavailableError(layout.fetches_of(keys.day), "it changes all the time")

    async def _read(self, keys: DayKeys, max_segments: int | None) -> LoggedDay:
        # The merged object after the list, and the segments after it: a segment that was removed in
        # between is either in the object, or missing, and then all is read again.
        damaged: list[str] = []
        merged = await self._merged(keys, damaged)
        header = merged.part.header if merged else DayHeader()
        fresh = _in_a_row(header, keys.segments)[:max_segments]
        parts: list[Part] = [merged.part] if merged else []
        headers = {}
        for segment in fresh:
            key = layout.fetch_segment(segment)
            try:
                part = LogObject(key, (await self._storage.read(key)).body, SegmentHeader)
            except DamagedObjectError as error:
                log.error("A part of the fetch log cannot be read: %s", error)  # noqa: TRY400 - the reason
                damaged.append(key)
                continue
            parts.append(part)
            headers[segment.replica, segment.number] = part.header
        return LoggedDay(
            keys.day,
            merged_header(header, headers),
            tuple(parts),
            tuple(damaged),
            merged and merged.etag,
            tuple(fresh),
        )

    async def _merged(self, keys: DayKeys, damaged: list[str]) -> "_Merged | None":
        # Also if it was not listed: a list is no snapshot, and may already lack merged segments.
        key = layout.merged_fetches(keys.day)
        try:
            document = await self._settled(keys) or await self._storage.read(key)
            return _Merged(LogObject(key, document.body, DayHeader), document.etag)
        except ObjectNotFoundError:
            return None
        except DamagedObjectError as error:
            log.error("A part of the fetch log cannot be read: %s", error)  # noqa: TRY400 - the reason
            damaged.append(key)
            return None

    async def _settled(self, keys: DayKeys) -> Document | None:
        """Return the object of a day without segments, from memory if it was read before."""
        if keys.merged is None or keys.segments or not keys.merged.listing_etag:
            return None
        which = keys.merged.key, keys.merged.listing_etag
        known = self._cache.get(which)
        if known is None:
            known = await self._storage.read(keys.merged.key)
            self._cache.put(which, known, len(known.body))
        return known

    async def merge(self, keys: DayKeys) -> bool:
        """Merge the segments of a day; return whether there may be more to merge.

        Nothing is merged while a part of the day is damaged: that would make it look whole.
        """
        day = await self.read(keys, MERGED_AT_ONCE)
        if day.damaged:
            return False
        if day.fresh:
            body = await in_slices(MergedDay(day.header, day.parts).encoded())
            try:
                await self._storage.write(layout.merged_fetches(day.day), body, expected=day.etag)
            except PreconditionFailedError:
                return False  # Another server is merging, or the answer to this write was lost.
        await self._remove(segment for segment in keys.segments if day.header.has(segment.replica, segment.number))
        return len(day.fresh) == MERGED_AT_ONCE

    async def remove(self, keys: DayKeys) -> None:
        """Remove a day."""
        await self._remove(keys.segments)
        if keys.merged is not None:
            await self._storage.delete(keys.merged.key)

    async def _remove(self, segments: Iterable[SegmentKey]) -> None:
        for segment in segments:
            await self._storage.delete(layout.fetch_segment(segment))


def _in_a_row(header: DayHeader, segments: Iterable[SegmentKey]) -> list[SegmentKey]:
    """Return the segments that are not merged, up to the first one that is missing of each replica.

    A list is no snapshot: a segment may be listed without one that was written before it.
    """
    wanted = {replica: each.segments for replica, each in header.replicas.items()}
    found = []
    for segment in sorted(segments):
        if segment.number == wanted.get(segment.replica, 0):
            wanted[segment.replica] = segment.number + 1
            found.append(segment)
    return found
