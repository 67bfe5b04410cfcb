"""The list of all projects, with the details that a search needs.

The list is derived from the documents alone. A LIST shows which documents have changed since they
were last read, and only those are read again. So the list is right immediately after an upload, on
every replica. A snapshot in the storage keeps what was read, so that a new replica need not read
every document. A missing or old snapshot costs time and nothing else.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

import msgspec

from wheelyard_server.catalog.coalescing import CoalescedCalls
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.event_loop_turns import in_turns
from wheelyard_server.catalog.projects import (
    SELECTED_AT_ONCE,
    ProjectEntry,
    Projects,
    SerialListing,
    entry_of,
    file_count,
)
from wheelyard_server.catalog.serials import horizon
from wheelyard_server.clock import MonotonicClock, WallClock, utc_now
from wheelyard_server.errors import DamagedObjectError, ObjectNotFoundError, StorageError
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Freshness
from wheelyard_server.storage import KEYS_PER_LIST, Fingerprint, Listed, Storage, layout, local_paths

log = logging.getLogger(__name__)

READS_AT_ONCE = 64
LISTED_AT_ONCE = 16
RECENT_SECONDS = 60.0
"""A list of this age is recent enough for `known`; one of a folder is compared with the folder."""
PATIENCE_SECONDS = 0.25
"""How long `known` waits for a newer list."""
CHANGES_KEPT_IN_MEMORY = 100
"""After more changes than this, a new snapshot is written."""


class ProjectList:
    """The list of one storage, kept up to date."""

    def __init__(
        self,
        storage: Storage,
        documents: Documents,
        freshness: Freshness,
        clock: MonotonicClock = time.monotonic,
        now: WallClock = utc_now,
    ) -> None:
        self._storage = storage
        self._local = local_paths(storage)
        self._documents = documents
        self._freshness = freshness
        self._clock = clock
        self._entries: dict[str, ProjectEntry] | None = None
        self._listing = SerialListing(Projects(), 0)
        self._mirrored = Projects()
        self._now = now
        self._listed: Sequence[Listed] = ()
        """The last listing."""
        self._checked = float("-inf")
        self._fingerprint: Fingerprint | None = None
        """Fingerprint of the folder of documents, from before they were listed."""
        self._unsaved = 0
        self._shared = CoalescedCalls(self._refreshed)

    async def read(self) -> Projects:
        """Return this index's own projects that have files, as fresh as the settings require."""
        return (await self.listing()).projects

    async def mirrored(self) -> Projects:
        """Return the projects that are mirrored from upstreams, just as fresh."""
        await self.listing()
        return self._mirrored

    async def known(self, names: Iterable[NormalizedName]) -> tuple[ProjectEntry, ...]:
        """Return the projects with these names, own and mirrored, by a recent list.

        A storage of many projects takes long to list, so an older list counts if a new one is not
        there soon.
        """
        if not self._is_recent():
            await asyncio.wait([self._shared.next_call("")], timeout=PATIENCE_SECONDS)
        lists = self._listing.projects, self._mirrored
        found = (projects.entry(name) for name in names for projects in lists)
        return tuple(entry for entry in found if entry is not None)

    def _is_recent(self) -> bool:
        if self._local is not None:
            return self._fingerprint is not None and self._fingerprint == self._folder_fingerprint()
        return self._clock() - self._checked < RECENT_SECONDS

    async def listing(self) -> SerialListing:
        """Return the same projects, with the horizon of their serials."""
        beyond = horizon(self._now())
        if self._clock() - self._checked < self._freshness.fresh_seconds:
            return self._listing
        if self._fingerprint is not None and self._fingerprint == self._folder_fingerprint():
            return SerialListing(self._listing.projects, beyond)
        return await self._shared("")

    async def _refreshed(self, _key: str) -> SerialListing:
        # Taken before the documents are listed: a later change lies beyond it.
        beyond = horizon(self._now())
        begun, fingerprint = self._clock(), self._folder_fingerprint()
        entries = self._entries if self._entries is not None else await self._snapshot()
        cuts = _cuts([each.key for each in self._listed] or sorted(map(layout.document, entries)))
        listed = [each async for each in self._storage.list(layout.DOCUMENTS, cuts=cuts)]
        changed = [each async for each in in_turns(listed) if _has_changed(each, entries)]
        # Kept immediately: what was read before a failure need not be read again.
        self._entries = entries
        await self._read_all(changed, entries)
        await self._save_if_due(sum(bool(each.listing_etag) for each in changed))
        present = [entries[layout.project_of(each.key)] async for each in in_turns(listed)]
        own = tuple([entry async for entry in in_turns(present) if entry.files and not entry.upstream])
        mirrored = tuple([entry async for entry in in_turns(present) if entry.files and entry.upstream])
        self._listing = SerialListing(_kept(self._listing.projects, own), beyond)
        self._mirrored = _kept(self._mirrored, mirrored)
        self._listed = listed
        # A damaged document may be repaired without a trace in the folder; one without a listing
        # ETag may have changed.
        self._checked, self._fingerprint = (
            begun,
            fingerprint if all(entry.listing_etag for entry in present) else None,
        )
        return self._listing

    def _folder_fingerprint(self) -> Fingerprint | None:
        return self._local.fingerprint(layout.DOCUMENTS) if self._local else None

    async def _read_all(self, changed: Iterable[Listed], entries: dict[str, ProjectEntry]) -> None:
        limit = asyncio.Semaphore(READS_AT_ONCE)

        async def read(listed: Listed) -> None:
            entry = await read_entry(listed)
            entries[entry.name] = entry

        async def read_entry(listed: Listed) -> ProjectEntry:
            name = NormalizedName(layout.project_of(listed.key))
            try:
                async with limit:
                    stored = await self._documents.read(name)
            except DamagedObjectError as error:
                # A damaged project must not hide all others.
                log.error("The project list omits a damaged project: %s", error)  # noqa: TRY400 - the reason is all there is
                # Without a listing ETag it is read again next time: one bad answer must not hide it
                # permanently.
                return ProjectEntry(name=name, listing_etag="")
            # The listing ETag may be older than the document. Then the next listing differs, and
            # it is read again.
            if file_count(stored.project) <= SELECTED_AT_ONCE:
                return entry_of(stored.project, listed.listing_etag)
            # Finding the latest version takes a comparison of all files.
            return await asyncio.to_thread(entry_of, stored.project, listed.listing_etag)

        await asyncio.gather(*map(read, changed))

    async def _snapshot(self) -> dict[str, ProjectEntry]:
        try:
            body, _ = await self._storage.read(layout.SNAPSHOT)
            entries = msgspec.json.decode(body, type=list[ProjectEntry])
        except ObjectNotFoundError:
            return {}
        except msgspec.MsgspecError as error:
            log.warning("The snapshot of the project list cannot be read and is replaced: %s", error)
            return {}
        return {entry.name: entry for entry in entries}

    async def _save_if_due(self, changes: int) -> None:
        self._unsaved += changes
        if self._unsaved <= CHANGES_KEPT_IN_MEMORY or self._entries is None:
            return
        try:
            await self._storage.store({layout.SNAPSHOT: msgspec.json.encode(list(self._entries.values()))})
            self._unsaved = 0
        except StorageError as error:
            log.warning("The snapshot of the project list could not be written: %s", error)


def _cuts(keys: Sequence[str]) -> Sequence[str]:
    """Return keys that cut a listing of all documents into parts, which can be requested concurrently.

    `keys` are the known keys, in order.
    """
    parts = min(len(keys) // KEYS_PER_LIST, LISTED_AT_ONCE)
    return [keys[len(keys) * part // parts] for part in range(1, parts)]


def _kept(known: Projects, entries: tuple[ProjectEntry, ...]) -> Projects:
    """Return the list of these entries: the known one if it has the same."""
    return known if entries == known.entries else Projects(entries)


def _has_changed(listed: Listed, entries: dict[str, ProjectEntry]) -> bool:
    entry = entries.get(layout.project_of(listed.key))
    # Without a listing ETag it may have changed.
    if entry is None or not listed.listing_etag or entry.listing_etag != listed.listing_etag:
        return True
    # An older release wrote the snapshot.
    return not entry.serial or (entry.published is None and entry.files > 0 and not entry.upstream)
