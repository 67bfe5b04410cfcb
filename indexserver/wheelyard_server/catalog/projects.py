"""The projects of an index as a list: its entries, what readers may see of it, and serials for mirrors."""

import asyncio
import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import msgspec
from packaging.version import Version

from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.event_loop_turns import in_turns
from wheelyard_server.catalog.serials import last_serial
from wheelyard_server.model import Project
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName, version_key
from wheelyard_server.storage import layout

SELECTIONS_BYTES = 32 * 1024**2
"""Memory for the selections of one list."""
BYTES_PER_ENTRY = 8
"""Memory of an entry in a selection, which shares the entries of the list."""
BYTES_PER_SELECTION = 500
NEWEST = 10
"""Releases in the list of the newest ones."""
SELECTED_AT_ONCE = 500
"""Maximum number of projects, or of files of a project, that are searched on the event loop."""


class ProjectEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab", gc=False):
    """A project in the list."""

    name: str
    listing_etag: str = msgspec.field(name="tag")
    """Listing ETag of the document that this entry was made from."""
    version: str | None = None
    """The latest version by PEP 440, final releases before pre-releases; None if there are no
    files."""
    summary: str = ""
    """Summary of the latest version."""
    status: Status = Status.ACTIVE
    files: int = 0
    serial: int = 0
    """See `serials`; 0 in a snapshot of a release without serials."""
    upstream: str = ""
    """The upstream that it is mirrored from; "" if it is this index's own."""
    published: datetime | None = None
    """When its newest file was first published, in UTC; None for a mirrored project."""
    newest: str = ""
    """The version of that file."""
    publisher: str = ""
    """The user who published that file."""


class Projects:
    """Projects that have files, in the order of their documents' keys.

    As long as nothing changes, a list stays the same object.
    """

    def __init__(self, entries: Iterable[ProjectEntry] = ()) -> None:
        self.entries = tuple(entries)
        self._selections: MemoryCache[Hashable, _Selection] = MemoryCache(SELECTIONS_BYTES)
        self._selecting: dict[Hashable, asyncio.Task[_Selection]] = {}

    def __iter__(self) -> Iterator[ProjectEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def after(self, name: str) -> Sequence[ProjectEntry]:
        """Return the entries that follow a name, whether it is in the list or not; "" precedes all."""
        start = bisect_right(self.entries, layout.document(NormalizedName(name)), key=_key) if name else 0
        return self.entries[start:]

    def entry(self, name: NormalizedName) -> ProjectEntry | None:
        """Return the entry of a project; None if it is not in the list."""
        key = layout.document(name)
        place = bisect_left(self.entries, key, key=_key)
        found = self.entries[place : place + 1]
        return found[0] if found and found[0].name == name else None

    @cached_property
    def newest(self) -> Sequence[ProjectEntry]:
        """Return the projects of the newest releases, the newest first, without those that offer no files."""
        offering = (entry for entry in self.entries if entry.published is not None and entry.status.offers_files)
        return heapq.nlargest(NEWEST, offering, key=_published)

    @cached_property
    def serial(self) -> int:
        """Return the highest serial of all projects; 0 if there is none."""
        return max((entry.serial for entry in self.entries), default=0)

    async def selected(self, key: Hashable, wanted: Callable[[NormalizedName], bool]) -> "Projects":
        """Return the projects that are `wanted`; calls with the same `key` share one selection."""
        selection = self._selections.get(key)
        if selection is None:
            selection = await self._select(key, wanted)
        return self if selection.projects is None else selection.projects

    async def of_upstream(self, upstream: str) -> "Projects":
        """Return the projects that are mirrored from this upstream."""
        return Projects([entry async for entry in in_turns(self.entries) if entry.upstream == upstream])

    async def _select(self, key: Hashable, wanted: Callable[[NormalizedName], bool]) -> "_Selection":
        """Make a selection, once for concurrent callers; of a long list in another thread."""

        def select() -> _Selection:
            entries = tuple(entry for entry in self.entries if wanted(NormalizedName(entry.name)))
            return _Selection(Projects(entries) if len(entries) < len(self) else None)

        if len(self) <= SELECTED_AT_ONCE:
            return self._remember(key, select())
        task = self._selecting.get(key)
        if task is None:
            task = self._selecting[key] = asyncio.create_task(asyncio.to_thread(select))
            task.add_done_callback(lambda _: self._selecting.pop(key))
        return self._remember(key, await asyncio.shield(task))

    def _remember(self, key: Hashable, selection: "_Selection") -> "_Selection":
        size = 0 if selection.projects is None else len(selection.projects)
        self._selections.put(key, selection, BYTES_PER_ENTRY * size + BYTES_PER_SELECTION)
        return selection


class _Selection(NamedTuple):
    """The part of a list that some readers may see."""

    projects: Projects | None
    """None is the whole list: a list that referred to itself would outlive its use."""


class SerialListing(NamedTuple):
    """All projects at some moment, with the serials that a mirror may see."""

    projects: Projects
    horizon: int
    """See `serials.horizon`; 0 if there are no serials yet."""

    @property
    def serial(self) -> int:
        """Return the highest serial that a mirror may regard as seen; 0 if there is none."""
        return min(self.projects.serial, self.horizon)

    def with_serials(self) -> Iterator[tuple[ProjectEntry, int]]:
        """Yield the projects with their serials for a mirror; nothing if there are no serials yet."""
        highest = self.serial
        if highest:
            for entry in self.projects:
                yield entry, min(entry.serial, highest)


def entry_of(project: Project, listing_etag: str) -> ProjectEntry:
    """Return a project's entry."""
    version = latest(by_version(project.all_files))
    last = max(project.files, key=lambda file: file.upload_time, default=None)
    summaries = (file.summary for file in reversed(project.files) if file.version == version and file.summary)
    return ProjectEntry(
        name=project.name,
        listing_etag=listing_etag,
        version=version,
        summary=next(summaries, ""),
        status=project.status,
        files=file_count(project),
        serial=last_serial(project),
        upstream=project.owner,
        published=None if last is None else last.upload_time,
        newest="" if last is None else last.version,
        publisher="" if last is None else last.uploader,
    )


def file_count(project: Project) -> int:
    """Return how many files a project has, mirrored ones included."""
    return len(project.all_files)


def by_version(files: Iterable[OfferedFile]) -> Mapping[str, Sequence[OfferedFile]]:
    """Return files by a key that is the same for all spellings of a version; "" is of those without any."""
    keys: dict[str, str] = {}
    found: dict[str, list[OfferedFile]] = {}
    for file in files:
        key = keys.get(file.version)
        if key is None:
            key = keys[file.version] = version_key(file.version)
        found.setdefault(key, []).append(file)
    return found


def latest(files: Mapping[str, Sequence[OfferedFile]]) -> str | None:
    """Return the version that an installer would choose, of files by version.

    That is a yanked or a pre-release one only if there is no other. None: there is none.
    """

    def preference(files: Sequence[OfferedFile]) -> tuple[bool, bool, Version]:
        version = Version(files[0].version)
        return any(file.yanked is None for file in files), not version.is_prerelease, version

    newest = max((each for key, each in files.items() if key), key=preference, default=None)
    return None if newest is None else newest[0].version


def _published(entry: ProjectEntry) -> datetime:
    assert entry.published is not None  # noqa: S101 - the caller has asked
    return entry.published


def _key(entry: ProjectEntry) -> str:
    return layout.document(NormalizedName(entry.name))
