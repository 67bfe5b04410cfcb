"""The catalog: all operations on projects and files, for the layers above."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from wheelyard_server.catalog.advisories.advisories_of_index import AdvisoriesOfIndex, ConfiguredFeed
from wheelyard_server.catalog.announcements import Announcements
from wheelyard_server.catalog.changes import CatalogChanges
from wheelyard_server.catalog.contents.cache import FileCache
from wheelyard_server.catalog.contents.content import Content, Contents
from wheelyard_server.catalog.contents.redirects import FileRedirects
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.catalog.contents.verified_streams import verify_bytes
from wheelyard_server.catalog.counts import Counts, Source
from wheelyard_server.catalog.current_basis import CurrentBasis
from wheelyard_server.catalog.decisions import Decisions
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.exposures import ExposureFinder
from wheelyard_server.catalog.facts import Facts, Lookups
from wheelyard_server.catalog.fetches.fetch_log import FetchLog
from wheelyard_server.catalog.freshness import FreshProject, FreshReader
from wheelyard_server.catalog.inspection.licenses import license_of
from wheelyard_server.catalog.learned import Fact
from wheelyard_server.catalog.mirrored_catalog import Finder, MirroredCatalog
from wheelyard_server.catalog.mirrors.contents import Parts, Space, downloads
from wheelyard_server.catalog.mirrors.listed_file import ListedFile
from wheelyard_server.catalog.mirrors.mirrors import Mirrors, Upstreams
from wheelyard_server.catalog.mirrors.new_names import Asker
from wheelyard_server.catalog.mirrors.sources import policy_of
from wheelyard_server.catalog.ownership import StorageFormat
from wheelyard_server.catalog.plans import Planner
from wheelyard_server.catalog.project_list import ProjectList
from wheelyard_server.catalog.projects import Projects, SerialListing
from wheelyard_server.catalog.provenance.later_attestations import LaterAttestations
from wheelyard_server.catalog.publish import Publisher, UploadLimits
from wheelyard_server.catalog.quarantine import SharedQuarantine
from wheelyard_server.catalog.single_use import SingleUse
from wheelyard_server.catalog.stored_project import (
    CachedDocument,
    ProjectView,
    StoredProject,
    Views,
)
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import WallClock, epoch_clock, utc_now
from wheelyard_server.errors import NotFoundError
from wheelyard_server.events import Events
from wheelyard_server.model import FORMAT, File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.case import AnyFile
from wheelyard_server.policy.verdict import Verdict
from wheelyard_server.settings import FetchLogSettings, Freshness, Listener
from wheelyard_server.storage import Storage, layout


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that apply to all projects."""

    freshness: Freshness = field(default_factory=Freshness)
    uploads: UploadLimits = field(default_factory=UploadLimits)
    redirects: FileRedirects = field(default_factory=FileRedirects)
    upstreams: Upstreams = field(default_factory=Upstreams)
    space: Space | None = None
    """For files of upstreams; None: they are not fetched."""
    fetch_log: FetchLogSettings = field(default_factory=FetchLogSettings)
    advisories: ConfiguredFeed = field(default_factory=ConfiguredFeed)


class Catalog(CatalogChanges):
    """Projects and files of one index, with their changes. It checks no permissions: see `access`."""

    def __init__(
        self,
        storage: Storage,
        policy: Policy = Policy(),
        now: WallClock = utc_now,
        cache: FileCache | None = None,
        may_raise_format: Callable[[], bool] = lambda: False,
    ) -> None:
        self.counts = Counts()
        self.upstreams = tuple(each.upstream.name for each in policy.upstreams.configured)
        """The names of the upstreams, in order."""
        asked = policy.upstreams
        self.configured_upstreams = asked.configured
        """The upstreams themselves, in the same order."""
        self.basis = CurrentBasis(policy_of(asked.configured, asked.private, asked.index))
        """The basis of all verdicts, which others change while the server runs."""
        self.decisions = Decisions(self.counts, now)
        self._views = views = Views(self.basis, now)
        self._storage = storage
        self._now = now
        self._documents = Documents(
            storage,
            counts=self.counts,
            storage_format=StorageFormat(storage, may_raise_format),
            views=views,
        )
        self._reader = FreshReader(self._documents, policy.freshness)
        attestations = LaterAttestations(storage, self._documents)
        self._publisher = Publisher(self._documents, attestations, policy.uploads, views, self.decisions)
        verified = VerifiedFiles()
        self._contents = Contents(storage, verified, cache, self.counts)
        self._projects = ProjectList(storage, self._documents, policy.freshness, now=now)
        self._redirects = policy.redirects
        self._single_use = SingleUse(storage)
        self.writes = WriteGate()
        """The gate that every change passes."""
        self.fetches = FetchLog(storage, policy.fetch_log, epoch_clock(now), self.writes)
        """The log of fetched files."""
        self.advisories = AdvisoriesOfIndex(storage, policy.advisories, self.basis.put_advisories, self.writes, now)
        """The advisories that are in force."""
        self.planner = Planner(self._documents, now)
        """Compares policies."""
        self.exposures = ExposureFinder(self._documents)
        """Compares fetched files with advisories."""
        self.quarantine = SharedQuarantine(storage, self.basis, self.writes, epoch_clock(now))
        """What people have quarantined by hand, on all replicas."""
        self._mirrors = Mirrors(self._documents, policy.upstreams, views, self.writes, self.counts)
        self._facts = Facts(self._documents, views, self.writes, Lookups(self._license, self._publisher_of))
        parts = Parts(
            storage,
            self._documents,
            self.writes,
            self._contents,
            cache,
            verified,
            self.counts,
            now,
            policy.uploads.archive,
        )
        configured, space = policy.upstreams.configured, policy.space
        self.mirrored = MirroredCatalog(
            Finder(self._documents, self._reader, self._mirrors, self.decisions, self._facts),
            self._contents,
            policy.redirects,
            space and downloads(parts, configured, space, self._missed),
            self.counts,
        )
        """The files of upstreams."""

    def announcements(self, events: Events) -> Announcements:
        """Announce what happens from now on; return what announces the rest if it is called regularly."""
        self.counts.events = events
        return Announcements(self._documents, self.basis, self.fetches, events, self._now)

    async def format(self) -> int:
        """Return the format of new documents, after raising it if that is allowed; see `ownership`."""
        return await self._documents.format()

    async def projects(self) -> Projects:
        """Return all projects of this index's own that have files, by name."""
        return await self._projects.read()

    async def mirrored_projects(self) -> Projects:
        """Return all projects that are mirrored from upstreams, by name."""
        return await self._projects.mirrored()

    async def projects_for_mirrors(self) -> SerialListing:
        """Return all projects with their serials, and the highest serial that a mirror may regard as seen.

        It is 0 while servers of a release without serials may be running.
        """
        if await self.format() < FORMAT:
            return SerialListing(await self.projects(), 0)
        return await self._projects.listing()

    async def project(self, name: NormalizedName, asker: Asker | None = None) -> ProjectView:
        """Return a project of this index or of an upstream.

        Raises `NotFoundError` if it does not exist or has no files, `UpstreamError` if an upstream
        had to be asked and cannot be, `TooManyNewNamesError` if the asker asked first for too many,
        and `RefusedFileError` for an unknown name that a rule refuses. No upstream is asked for a
        refused name, so a known one is shown as it was last known.
        """
        known, is_refused = await self._read(name)
        return await self._view(known if is_refused else await self._mirrors.current(known, asker))

    async def known_project(self, name: NormalizedName) -> ProjectView:
        """Return a project as the storage has it: no upstream is asked about it or about its files.

        Raises `NotFoundError`, and `RefusedFileError` for an unknown name that a rule refuses.
        """
        known, _ = await self._read(name)
        return await self._known_view(known)

    async def _read(self, name: NormalizedName) -> tuple[FreshProject, bool]:
        """Return a project as it was read, and whether a rule refuses its name."""
        self.counts.page_reads += 1
        known = await self._reader.read(name)
        refusal = self.mirrored.refusal_of_name(known.stored)
        if refusal is not None and self._documents.view(known.stored) is None:
            raise refusal
        return known, refusal is not None

    async def known_names(self, names: Iterable[NormalizedName]) -> frozenset[NormalizedName]:
        """Return the names of projects among these, by a list that may be a minute old; see `ProjectList.known`.

        Projects of an upstream that this index no longer has are not among them.
        """
        owners = ("", *self.upstreams)
        found = await self._projects.known(names)
        return frozenset(NormalizedName(entry.name) for entry in found if entry.upstream in owners)

    async def _view(self, seen: FreshProject) -> ProjectView:
        view = await self._known_view(seen)
        if view.offers.lacks_facts:
            self._facts.look_up_later(view)
        return view

    async def _known_view(self, seen: FreshProject) -> ProjectView:
        view = self._documents.view(seen.stored)
        if view is None:
            raise NotFoundError("No such project in this index")
        await view.offers.prepare()
        if seen.stale_seconds is None and seen.forwarded is None:
            return view
        return replace(
            view, stale_seconds=seen.stale_seconds, waiting_for=seen.waiting_for, forwarded=seen.forwarded
        )

    def _missed(self, listed: ListedFile) -> None:
        """Ask for the page again: the upstream lacks a file that it listed, or has other bytes for it."""
        cached = self.cached_project(listed.project)
        if cached is not None:
            self._mirrors.recheck(cached.stored.project)
        if listed.file.conflict:
            self._mirrors.give_up(listed)

    def confirmed(self, view: ProjectView) -> datetime | None:
        """Return when its upstream last confirmed a project, in UTC; None if it is this index's own."""
        mirror = view.project.mirror
        return None if mirror is None else self._mirrors.confirmed(view.project, mirror)

    async def revalidated_project(self, name: NormalizedName) -> ProjectView:
        """Do as `project`, with less work if nothing has changed, for a caller that asks for many clients.

        Concurrent calls do not share a revalidation.
        """
        cached = self.cached_project(name)
        if cached is None or cached.view is None or not await self._reader.is_unchanged(cached):
            return await self.project(name)
        if not self.is_decided(cached):
            return await self.project(name)
        self.counts.page_reads += 1
        return cached.view

    def cached_project(self, name: NormalizedName) -> CachedDocument | None:
        """Return the last read of a project, without asking the storage."""
        return self._documents.cached(name)

    def is_fresh(self, cached: CachedDocument) -> bool:
        """Return whether `project` would return this cached document now."""
        return self._reader.is_fresh(cached) and self.is_decided(cached)

    def is_decided(self, cached: CachedDocument) -> bool:
        """Return whether its upstream, the basis of verdicts and the time cannot have changed a project."""
        view, project = cached.view, cached.stored.project
        if view is None:
            return project.mirror is None
        return self._views.is_current(view) and (project.mirror is None or self._mirrors.is_fresh(project))

    async def file(self, name: NormalizedName, filename: str, sha256: str) -> File:
        """Return a project's file with this name and digest.

        Raises `NotFoundError` if there is none, and `RefusedFileError` if a rule refuses it.
        """
        self.counts.page_reads += 1
        # No upstream is asked: its files have other URLs.
        stored = (await self._reader.read(name)).stored
        file, verdict = self._decided(stored, filename, sha256)
        if verdict.lacks_facts:
            await self._facts.look_up(stored.project, file)
            file, verdict = self._decided(await self._documents.latest(name), filename, sha256)
        self.decisions.require_served(name, file, verdict)
        return file

    def _decided(self, stored: StoredProject, filename: str, sha256: str) -> tuple[File, Verdict]:
        view = self._documents.view(stored)
        if view is None:
            raise NotFoundError("No such project in this index")
        file = view.project.file(filename)
        if file is None or file.sha256 != sha256:
            raise NotFoundError("No such file in this project")
        return file, view.verdict(file)

    async def _license(self, project: Project, file: AnyFile) -> Fact:
        if isinstance(file, MirroredFile):
            return await self.mirrored.license(project, file)
        return Fact(file, license=license_of(await self.core_metadata(NormalizedName(project.name), file)))

    async def _publisher_of(self, project: Project, file: MirroredFile) -> Fact:
        return await self.mirrored.publisher(project, file)

    async def open(self, name: NormalizedName, file: File, start: int, end: int) -> Content:
        """Open a file's bytes from `start` up to, but not including, `end`; see `Contents.open`."""
        return await self._contents.open(layout.content(name, file), file, start, end)

    async def location(self, name: NormalizedName, file: File, listener: Listener) -> str | None:
        """Return the URL from which a client of this listener fetches a file directly from the storage.

        None: this server sends the file. The URL works for some minutes and must only be given to
        clients that may read the file.
        """
        locations = self._redirects.of(file, listener)
        if locations is None or self.cached_object(file.sha256) is not None:
            return None
        self.counts.file_reads[Source.REDIRECT] += 1
        return await locations.of(layout.content(name, file))

    def cached_answer(self, name: NormalizedName, file: File, listener: Listener) -> bytes | File | str | None:
        """Return the answer to a download by a client of this listener, if no request to the storage is needed.

        That is the bytes, the file if `open` has it without reading it, or the URL that `location`
        returns. None: the storage must be asked.
        """
        body = self.cached_object(file.sha256)
        if body is not None:
            return body
        key = layout.content(name, file)
        locations = self._redirects.of(file, listener)
        if locations is not None:
            return locations.cached(key)
        return file if self._contents.is_cached(key, file) else None

    async def core_metadata(self, name: NormalizedName, file: File) -> bytes:
        """Return a file's METADATA or PKG-INFO, byte for byte (PEP 658)."""
        return await self._small(layout.core_metadata(name, file), file.core_metadata_sha256)

    async def provenance(self, name: NormalizedName, file: File) -> bytes:
        """Return a file's provenance object (PEP 740); raise `NotFoundError` if it has none."""
        if file.provenance_sha256 is None:
            raise NotFoundError("This file was uploaded without attestations")
        return await self._small(layout.provenance(name, file), file.provenance_sha256)

    def cached_object(self, sha256: str) -> bytes | None:
        """Return a small object if it is in memory."""
        return self._contents.small.get(sha256)

    async def _small(self, key: str, sha256: str) -> bytes:
        body = self._contents.small.get(sha256)
        self.counts.file_reads[Source.STORAGE if body is None else Source.MEMORY] += 1
        if body is None:
            body = verify_bytes((await self._storage.read(key)).body, sha256, key)
            self._contents.small.keep(sha256, body)
        return body
