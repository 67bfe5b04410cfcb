"""The files of upstreams in the catalog: finds, opens and redirects them.

A file is found by its path at the upstream, which the page of its project must list. So no path
that a client makes up is ever fetched.
"""

from typing import NamedTuple

from wheelyard_server.catalog.contents.content import Content, Contents
from wheelyard_server.catalog.contents.redirects import FileRedirects
from wheelyard_server.catalog.counts import Counts, KeptSize, Source
from wheelyard_server.catalog.decisions import Decisions
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.facts import Facts
from wheelyard_server.catalog.freshness import FreshProject, FreshReader
from wheelyard_server.catalog.learned import Fact
from wheelyard_server.catalog.mirrors.downloads import Downloads
from wheelyard_server.catalog.mirrors.files import MirroredContent
from wheelyard_server.catalog.mirrors.listed_file import Kept, ListedFile, listed_file
from wheelyard_server.catalog.mirrors.mirrors import Mirrors
from wheelyard_server.catalog.mirrors.new_names import Asker
from wheelyard_server.catalog.refusals import claimed, refused_name
from wheelyard_server.catalog.stored_project import MirroredSource, StoredProject
from wheelyard_server.errors import NotFoundError, RefusedFileError, UpstreamUnavailableError, WheelyardError
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.verdict import Rule
from wheelyard_server.settings import Listener
from wheelyard_server.storage import layout


class Finder(NamedTuple):
    """The parts of the catalog by which files are found."""

    documents: Documents
    reader: FreshReader
    mirrors: Mirrors
    decisions: Decisions
    facts: Facts


class MirroredCatalog:
    """Mirrored files of one index. It checks no permissions: see `access`."""

    def __init__(
        self,
        finder: Finder,
        contents: Contents,
        redirects: FileRedirects,
        downloads: Downloads | None,
        counts: Counts,
    ) -> None:
        """Take the parts; `downloads` is None if the index has no upstreams."""
        self._finder = finder
        self._contents = contents
        self._redirects = redirects
        self._known_downloads = downloads
        self._counts = counts

    async def find(
        self, name: NormalizedName, upstream: str, path: str, asker: Asker | None = None
    ) -> MirroredSource:
        """Return the file whose URL at an upstream has this decoded path, without the slash at its beginning.

        A page is asked for only if it is not known, or does not list the file and is no longer
        fresh: a lock file's URL works before its page was read, and a file that is kept needs no
        upstream. Raises as `project`, and `RefusedFileError` if a rule refuses the file.
        """
        seen = await self._finder.reader.read(name)
        found = await self._at_path(seen.stored, upstream, path)
        if found is None:
            refusal = self.refusal_of_name(seen.stored)
            if refusal is not None:
                raise refusal
            seen = await self._finder.mirrors.current(seen, asker, must_be_fresh=True)
            found = await self._at_path(seen.stored, upstream, path)
        else:
            self._finder.mirrors.renew(found.project)
        if found is None:
            raise _not_found(seen, upstream)
        found = await self.looked_up(found)
        self._finder.decisions.require_served(name, found.file, found.verdict)
        return found

    def refusal_of_name(self, stored: StoredProject) -> RefusedFileError | None:
        """Return the error for a name that a rule refuses: no upstream is asked for it; None if none does.

        A name that no upstream is asked for in any case is absent, not forbidden: a list of allowed
        projects is about those of upstreams.
        """
        verdict, name = self._finder.documents.offers(stored).verdict_on_name, NormalizedName(stored.project.name)
        if verdict.is_served or (verdict.rule is Rule.ALLOW and not self._finder.mirrors.is_asked(name)):
            return None
        return refused_name(name, verdict)

    async def looked_up(self, source: MirroredSource) -> MirroredSource:
        """Return a file with the verdict on it, after everything that this depends on was looked up."""
        if not source.verdict.lacks_facts:
            return source
        await self._finder.facts.look_up(source.project, source.file)
        stored = await self._finder.documents.latest(NormalizedName(source.project.name))
        file = _listed(source).of(stored.project)
        if file is None:
            raise NotFoundError("No such file in this index")
        return MirroredSource(stored.project, file, self._finder.documents.offers(stored).verdict(file))

    async def _at_path(self, stored: StoredProject, upstream: str, path: str) -> MirroredSource | None:
        project = stored.project
        if project.claimed is not None and project.mirror is None:
            raise claimed(project.name, upstream)
        if project.owner != upstream or self._finder.mirrors.owner(project) is None:
            return None
        offers = self._finder.documents.offers(stored)
        file = await offers.at_path(path)
        return None if file is None else MirroredSource(project, file, offers.verdict(file))

    async def open(self, source: MirroredSource) -> MirroredContent:
        """Open all bytes of an upstream's file; see `MirroredFiles.open`, also for the errors."""
        return await self._downloads.open(_listed(source))

    async def open_part(self, source: MirroredSource, start: int, end: int) -> MirroredContent:
        """Open the bytes of an upstream's file from `start` up to, but not including, `end`."""
        return await self._downloads.open_part(_listed(source), start, end)

    async def size(self, source: MirroredSource) -> int | None:
        """Return the size of an upstream's file in bytes; None if the upstream does not know it either."""
        return await self._downloads.size(_listed(source))

    async def core_metadata(self, source: MirroredSource) -> bytes:
        """Return METADATA of an upstream's file; see `MirroredMetadata.read`, also for the errors."""
        return await self._downloads.core_metadata(_listed(source))

    async def kept_metadata(self, source: MirroredSource) -> bytes | None:
        """Return METADATA of an upstream's file if it is kept; None if an upstream had to be asked."""
        return await self._downloads.kept_metadata(_listed(source))

    async def provenance(self, source: MirroredSource) -> bytes:
        """Return the provenance object of an upstream's file; see `MirroredProvenance.read`."""
        return await self._downloads.provenance(_listed(source))

    async def license(self, project: Project, file: MirroredFile) -> Fact:
        """Return the license of a file; raise `UpstreamError` and `StorageError`."""
        return await self._downloads.license(_listed_of(project, file))

    async def publisher(self, project: Project, file: MirroredFile) -> Fact:
        """Return the attested publisher of a file; see `MirroredProvenance.fact`, also for the errors."""
        return await self._downloads.publisher(_listed_of(project, file))

    async def location(self, source: MirroredSource, listener: Listener) -> str | None:
        """Return the URL from which a client of this listener fetches an upstream's file from the storage.

        None: this server sends the file. See `location`.
        """
        kept = _listed(source).kept
        locations = None if kept is None else self._redirects.of(kept, listener)
        if kept is None or locations is None or not await self._downloads.is_stored(_listed(source)):
            return None
        self._counts.file_reads[Source.REDIRECT] += 1
        return await locations.of(layout.mirrored(kept.sha256))

    def cached(self, file: MirroredFile, listener: Listener) -> bytes | MirroredFile | None:
        """Return the bytes of an upstream's file, or the file itself if `open_kept` has it without reading it.

        None: it is not in memory or on this machine, or clients of this listener may be redirected.
        """
        if file.size is None or not file.sha256:
            return None
        body = self._contents.small.get(file.sha256)
        if body is not None:
            return body
        kept = Kept(file.sha256, file.size)
        is_redirected = self._redirects.of(kept, listener) is not None
        is_here = not is_redirected and self._contents.is_cached(layout.mirrored(file.sha256), kept)
        return file if is_here else None

    async def open_kept(self, file: MirroredFile) -> Content:
        """Open all bytes of an upstream's file that `cached` has found on this machine."""
        size = file.size or 0
        return await self._contents.open(layout.mirrored(file.sha256), Kept(file.sha256, size), 0, size)

    @property
    def kept(self) -> KeptSize:
        """Return the size of all kept bytes that was measured last, without asking the storage."""
        return KeptSize(0, None) if self._known_downloads is None else self._known_downloads.budget.kept

    async def measure_kept(self) -> None:
        """Measure the size of all kept bytes; see `Downloads.measure_kept`, also for the errors."""
        await self._downloads.measure_kept()

    @property
    def _downloads(self) -> Downloads:
        if self._known_downloads is None:
            raise NotFoundError("This index has no upstreams")
        return self._known_downloads


def _not_found(seen: FreshProject, upstream: str) -> WheelyardError:
    """Return the error for a path that the page does not list, as far as is known (U7)."""
    project = seen.stored.project
    if seen.stale_seconds is None or project.owner != upstream:
        return NotFoundError("No such file in this index")
    reason = f"had no such file of {project.name} when it was last asked, and {seen.waiting_for} does not answer"
    return UpstreamUnavailableError(upstream, reason)


def _listed(source: MirroredSource) -> ListedFile:
    return _listed_of(source.project, source.file)


def _listed_of(project: Project, file: MirroredFile) -> ListedFile:
    if project.mirror is None:
        raise NotFoundError("No such file in this index")
    return listed_file(project, project.mirror, file)
