"""The list of all projects, with what a search wants to know of each.

It is derived from the documents alone: a LIST shows which of them have changed since they were last read, and
only those are read again. So it is right just after an upload, on every replica. A snapshot in the storage keeps
what was read, so that a new replica need not read every document; where it is missing or old, that costs time
and nothing else.
"""

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

import msgspec
from packaging.version import Version

from wheelyard_server.catalog.coalescing import CoalescedCalls
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.freshness import Freshness
from wheelyard_server.catalog.serials import horizon, last_serial
from wheelyard_server.catalog.turns import in_turns
from wheelyard_server.clock import MonotonicClock, WallClock
from wheelyard_server.errors import DamagedObjectError, ObjectNotFoundError, StorageError
from wheelyard_server.model import File, Project, Status
from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import KEYS_OF_A_LIST, Fingerprint, Listed, Storage, layout

log = logging.getLogger(__name__)

READS_AT_ONCE = 64
LISTED_AT_ONCE = 16
SELECTIONS_BYTES = 32 * 1024**2
"""Of memory, for what groups of readers may see of a list."""
BYTES_OF_AN_ENTRY = 8
"""In a selection: it is the list's own."""
BYTES_OF_A_SELECTION = 500
SELECTED_AT_ONCE = 500
"""Projects, or files of one, that are looked through on the event loop."""
CHANGES_KEPT_IN_MEMORY = 100
"""After so many a new snapshot is written."""


class ProjectEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab", gc=False):
    """What the list knows of a project."""

    name: str
    listing_etag: str = msgspec.field(name="tag")
    """Of the document that this was read from, as a listing shows it."""
    version: str | None = None
    """The latest one, by PEP 440, final releases before pre-releases; None where there are no files."""
    summary: str = ""
    """Of the latest version."""
    status: Status = Status.ACTIVE
    files: int = 0
    serial: int = 0
    """See `serials`; 0 in a snapshot of a release that knows none."""


class Projects:
    """Projects that have files, in the order of their documents' keys. The same object: nothing has changed."""

    def __init__(self, entries: Iterable[ProjectEntry] = ()) -> None:
        self.entries = tuple(entries)
        self._selections: MemoryCache[Hashable, _Selection] = MemoryCache(SELECTIONS_BYTES)
        self._selecting: dict[Hashable, asyncio.Task[_Selection]] = {}

    def __iter__(self) -> Iterator[ProjectEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def after(self, name: str) -> Sequence[ProjectEntry]:
        """Return what follows a name in the order of the list, whether that is in it or not; "" is before all."""
        start = bisect_right(self.entries, layout.document(NormalizedName(name)), key=_key) if name else 0
        return self.entries[start:]

    @cached_property
    def serial(self) -> int:
        """The highest of all."""
        return max((entry.serial for entry in self.entries), default=0)

    async def selected(self, key: Hashable, wanted: Callable[[NormalizedName], bool]) -> "Projects":
        """Return those that are wanted; the same `key` stands for the same wishes, which are asked once."""
        selection = self._selections.get(key)
        if selection is None:
            selection = await self._made(key, wanted)
        return self if selection.projects is None else selection.projects

    async def _made(self, key: Hashable, wanted: Callable[[NormalizedName], bool]) -> "_Selection":
        """Make a selection, once for all who ask; of a long list beside the event loop."""

        def select() -> _Selection:
            entries = tuple(entry for entry in self.entries if wanted(NormalizedName(entry.name)))
            return _Selection(Projects(entries) if len(entries) < len(self) else None)

        if len(self) <= SELECTED_AT_ONCE:
            return self._kept(key, select())
        task = self._selecting.get(key)
        if task is None:
            task = self._selecting[key] = asyncio.create_task(asyncio.to_thread(select))
            task.add_done_callback(lambda _: self._selecting.pop(key))
        return self._kept(key, await asyncio.shield(task))

    def _kept(self, key: Hashable, selection: "_Selection") -> "_Selection":
        size = 0 if selection.projects is None else len(selection.projects)
        self._selections.put(key, selection, BYTES_OF_AN_ENTRY * size + BYTES_OF_A_SELECTION)
        return selection


class _Selection(NamedTuple):
    """What some readers may see of a list."""

    projects: Projects | None
    """None is all of them: a list that held itself would outlive its use."""


class SerialListing(NamedTuple):
    """All projects as they were at some moment."""

    projects: Projects
    horizon: int
    """At that moment, see `serials.horizon`. 0: there are no serials yet."""

    @property
    def serial(self) -> int:
        """The highest that a mirror may take for seen; 0: there is none."""
        return min(self.projects.serial, self.horizon)

    def with_serials(self) -> Iterator[tuple[ProjectEntry, int]]:
        """Yield the projects with what a mirror may take for their serials, if it may take anything for them."""
        highest = self.serial
        if highest:
            for entry in self.projects:
                yield entry, min(entry.serial, highest)


class ProjectList:
    """Follows the documents of one storage."""

    def __init__(
        self,
        storage: Storage,
        documents: Documents,
        freshness: Freshness,
        clock: MonotonicClock = time.monotonic,
        now: WallClock = lambda: datetime.now(UTC),
    ) -> None:
        self._storage = storage
        self._documents = documents
        self._freshness = freshness
        self._clock = clock
        self._entries: dict[str, ProjectEntry] | None = None
        self._listing = SerialListing(Projects(), 0)
        self._now = now
        self._listed: Sequence[Listed] = ()
        """The last time."""
        self._checked = float("-inf")
        self._fingerprint: Fingerprint | None = None
        """Of all documents, from before they were listed."""
        self._unsaved = 0
        self._shared = CoalescedCalls(self._refreshed)

    async def read(self) -> Projects:
        """Return the projects that have files, as fresh as they have to be."""
        return (await self.listing()).projects

    async def listing(self) -> SerialListing:
        """Return the same with its horizon."""
        beyond = horizon(self._now())
        if self._clock() - self._checked < self._freshness.fresh_seconds:
            return self._listing
        if self._fingerprint is not None and self._fingerprint == self._storage.fingerprint(layout.DOCUMENTS):
            return SerialListing(self._listing.projects, beyond)
        return await self._shared("")

    async def _refreshed(self, _key: str) -> SerialListing:
        # Of before the documents are listed: what appears meanwhile lies beyond it.
        beyond = horizon(self._now())
        begun, fingerprint = self._clock(), self._storage.fingerprint(layout.DOCUMENTS)
        known = self._entries if self._entries is not None else await self._snapshot()
        cuts = _cuts([each.key for each in self._listed] or sorted(map(layout.document, known)))
        listed = [each async for each in self._storage.list(layout.DOCUMENTS, cuts=cuts)]
        changed = [each async for each in in_turns(listed) if _is_news(each, known)]
        # Kept at once: what was read before a failure need not be read again.
        self._entries = known
        await self._read_all(changed, known)
        await self._save_if_due(sum(bool(each.listing_etag) for each in changed))
        present = [known[layout.project_of(each.key)] async for each in in_turns(listed)]
        self._keep(tuple([entry async for entry in in_turns(present) if entry.files]), beyond)
        self._listed = listed
        # What is damaged may be mended without a trace in the folder; what has no tag may have changed.
        self._checked, self._fingerprint = (
            begun,
            fingerprint if all(entry.listing_etag for entry in present) else None,
        )
        return self._listing

    def _keep(self, entries: tuple[ProjectEntry, ...], beyond: int) -> None:
        known = self._listing.projects
        self._listing = SerialListing(known if entries == known.entries else Projects(entries), beyond)

    async def _read_all(self, changed: Iterable[Listed], known: dict[str, ProjectEntry]) -> None:
        limit = asyncio.Semaphore(READS_AT_ONCE)

        async def read(listed: Listed) -> None:
            entry = await read_entry(listed)
            known[entry.name] = entry

        async def read_entry(listed: Listed) -> ProjectEntry:
            name = NormalizedName(layout.project_of(listed.key))
            try:
                async with limit:
                    version = await self._documents.read(name)
            except DamagedObjectError as error:
                # One project's damage must not hide all others.
                log.error("The project list lacks a project: %s", error)  # noqa: TRY400 - the reason is all there is
                # Without its tag it is read again next time: one bad answer must not hide it for good.
                return ProjectEntry(name=name, listing_etag="")
            # The tag may be older than what was read: then the next listing has another, and it is read again.
            if len(version.project.files) <= SELECTED_AT_ONCE:
                return _entry(version.project, listed.listing_etag)
            # Its latest version is looked for among all of them.
            return await asyncio.to_thread(_entry, version.project, listed.listing_etag)

        await asyncio.gather(*map(read, changed))

    async def _snapshot(self) -> dict[str, ProjectEntry]:
        try:
            body, _ = await self._storage.read(layout.SNAPSHOT)
            entries = msgspec.json.decode(body, type=list[ProjectEntry])
        except ObjectNotFoundError:
            return {}
        except msgspec.MsgspecError as error:
            log.warning("The project list's snapshot is not usable and is made again: %s", error)
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
            log.warning("The project list's snapshot could not be written: %s", error)


def latest(project: Project) -> str | None:
    """Return the version that an installer would choose: yanked ones and pre-releases only for want of others."""

    def preference(files: Sequence[File]) -> tuple[bool, bool, Version]:
        version = Version(files[0].version)
        return any(file.yanked is None for file in files), not version.is_prerelease, version

    newest = max(project.by_version.values(), key=preference, default=None)
    return None if newest is None else newest[0].version


def _key(entry: ProjectEntry) -> str:
    return layout.document(NormalizedName(entry.name))


def _cuts(keys: Sequence[str]) -> Sequence[str]:
    """Return where to cut a listing of all documents, so that its parts may be asked for at the same time.

    `keys` are those that are known, in order.
    """
    parts = min(len(keys) // KEYS_OF_A_LIST, LISTED_AT_ONCE)
    return [keys[len(keys) * part // parts] for part in range(1, parts)]


def _is_news(listed: Listed, known: dict[str, ProjectEntry]) -> bool:
    entry = known.get(layout.project_of(listed.key))
    # Without a tag nothing says that it is the same. Without a serial it is of a release that knew none.
    return entry is None or not listed.listing_etag or entry.listing_etag != listed.listing_etag or not entry.serial


def _entry(project: Project, listing_etag: str) -> ProjectEntry:
    version = latest(project)
    summaries = (file.summary for file in reversed(project.files) if file.version == version and file.summary)
    return ProjectEntry(
        name=project.name,
        listing_etag=listing_etag,
        version=version,
        summary=next(summaries, ""),
        status=project.status,
        files=len(project.files),
        serial=last_serial(project),
    )
