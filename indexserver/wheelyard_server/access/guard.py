"""The catalog as one principal may see and change it. Handlers get this, never the catalog itself.

Permissions are checked against the project under which a file is stored, never against the claims
of a URL: every method looks the file up in the document of the project that it has checked. Reads
are here and in `guarded_pages.py`, changes in `guarded_changes.py`, the fetch log in
`guarded_log.py`, and what concerns the whole index in `guarded_index.py`.
"""

from functools import partial

from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.guarded_index import GuardedIndex
from wheelyard_server.access.rules import Principal, Rules, Verb
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.contents.content import Content
from wheelyard_server.catalog.decisions import notes_on
from wheelyard_server.catalog.mirrors.files import MirroredContent
from wheelyard_server.catalog.mirrors.new_names import Asker
from wheelyard_server.catalog.projects import Projects, SerialListing
from wheelyard_server.catalog.refusals import refused
from wheelyard_server.catalog.stored_project import MirroredSource, ProjectView
from wheelyard_server.errors import (
    InvalidRequestError,
    NotFoundError,
    RefusedFileError,
    UpstreamError,
)
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.names import NormalizedName, possible_projects
from wheelyard_server.settings import Listener


class GuardedCatalog(GuardedIndex):
    """The part of `catalog` that `rules` allow to `principal`; attempts are written to `record`.

    Every method raises the catalog's own errors, `UnauthenticatedError` if a login might allow
    this, `ForbiddenError` if the principal may know the project but not do this, and
    `NotFoundError` if it may not even know the project.
    """

    def __init__(
        self, catalog: Catalog, rules: Rules, principal: Principal, listener: Listener, record: AuditRecord
    ) -> None:
        super().__init__(catalog, rules, principal, record)
        self._asker = Asker(principal.name or "", record.address)
        self._listener = listener

    async def projects(self) -> Projects:
        """Return all readable projects, by name."""
        return await self._readable(await self._catalog.projects())

    async def projects_for_mirrors(self) -> SerialListing:
        """Return all readable projects with their serials."""
        projects, horizon = await self._catalog.projects_for_mirrors()
        return SerialListing(await self._readable(projects), horizon)

    async def mirrored_projects(self, upstream: str) -> Projects:
        """Return all readable projects that are mirrored from an upstream, or from any if it is `*`, by name.

        Raises `InvalidRequestError` for an upstream that this index neither has nor had.
        """
        readable = await self._readable(await self._catalog.mirrored_projects())
        if upstream == "*":
            return readable
        found = await readable.of_upstream(upstream)
        if not len(found) and upstream not in self._catalog.upstreams:
            known = ", ".join(self._catalog.upstreams) or "none"
            raise InvalidRequestError(f"This index has no upstream of this name; its upstreams: {known}")
        return found

    async def project(self, name: NormalizedName) -> ProjectView:
        """Return the current state of a project."""
        self._require(Verb.READ, name)
        return await self._catalog.project(name, self._asker)

    async def page(self, name: NormalizedName) -> ProjectView:
        """Do as `project`, but raise `RefusedFileError` for every name that a rule refuses."""
        view = await self.project(name)
        refusal = view.refusal_of_name
        if refusal is not None:
            raise refusal
        return view

    def policy_notes(self) -> tuple[str, ...]:
        """Return for people which rules of the policy cannot decide about anything now."""
        return notes_on(self._catalog.basis.value)

    async def has(self, name: NormalizedName) -> bool:
        """Return whether there is a readable project of this name; if not, nothing counts as refused."""
        try:
            return self._may(Verb.READ, name) and bool(await self._catalog.project(name, self._asker))
        except (NotFoundError, RefusedFileError):
            return False

    async def file(self, name: NormalizedName, filename: str, sha256: str) -> File:
        """Return a project's file with this name and digest."""
        self._require(Verb.READ, name, filename)
        return await self._catalog.file(name, filename, sha256)

    async def open(self, name: NormalizedName, file: File, start: int, end: int) -> Content:
        """Open a file's bytes from `start` up to, but not including, `end`."""
        self._require(Verb.READ, name, file.filename)
        return await self._catalog.open(name, file, start, end)

    async def location(self, name: NormalizedName, file: File) -> str | None:
        """Return the URL from which a client fetches a file directly from the storage; None: it comes from here."""
        self._require(Verb.READ, name, file.filename)
        return await self._catalog.location(name, file, self._listener)

    async def core_metadata(self, name: NormalizedName, file: File) -> bytes:
        """Return a file's METADATA or PKG-INFO, byte for byte."""
        self._require(Verb.READ, name, file.filename)
        return await self._catalog.core_metadata(name, file)

    async def provenance(self, name: NormalizedName, file: File) -> bytes:
        """Return a file's provenance object (PEP 740)."""
        self._require(Verb.READ, name, file.filename)
        return await self._catalog.provenance(name, file)

    async def description(self, view: ProjectView, file: OfferedFile) -> bytes:
        """Return the core metadata of a file that pages list."""
        name = NormalizedName(view.project.name)
        if isinstance(file, File):
            return await self.core_metadata(name, file)
        found = await view.file(file.filename)
        if not isinstance(found, MirroredFile):
            raise NotFoundError("No such file in this project")
        return await self.mirrored_metadata(view.source(found))

    async def mirrored_file(self, upstream: str, path: str) -> MirroredSource:
        """Return the file of an upstream at a decoded path, which the page of a readable project must list.

        The path shows the project only by its last part, so all projects are tried that a file of
        this name may belong to. Raises `RefusedFileError` if a rule refuses the file.
        """
        filename = path.rpartition("/")[2]
        names = possible_projects(filename)
        failure: UpstreamError | RefusedFileError | None = None
        for name in filter(partial(self._may, Verb.READ), names):
            try:
                found = await self._catalog.mirrored.find(name, upstream, path, self._asker)
            except NotFoundError:
                continue
            except (UpstreamError, RefusedFileError) as error:
                failure = failure or error  # Another name may be known.
                continue
            self._require(Verb.READ, name, filename)
            return found
        if failure is not None:
            raise failure
        for name in names:
            self._require(Verb.READ, name, filename)
        raise NotFoundError("No such file in this index")

    async def open_mirrored(self, source: MirroredSource) -> MirroredContent:
        """Open all bytes of an upstream's file."""
        self._require_source(source)
        return await self._catalog.mirrored.open(source)

    async def open_mirrored_part(self, source: MirroredSource, start: int, end: int) -> MirroredContent:
        """Open the bytes of an upstream's file from `start` up to, but not including, `end`."""
        self._require_source(source)
        return await self._catalog.mirrored.open_part(source, start, end)

    async def mirrored_size(self, source: MirroredSource) -> int | None:
        """Return the size of an upstream's file in bytes; None if the upstream does not say."""
        self._require_source(source)
        return await self._catalog.mirrored.size(source)

    async def mirrored_location(self, source: MirroredSource) -> str | None:
        """Return the URL of an upstream's file in the storage, for the client; None: it comes from here."""
        self._require_source(source)
        return await self._catalog.mirrored.location(source, self._listener)

    async def mirrored_metadata(self, source: MirroredSource) -> bytes:
        """Return the METADATA of an upstream's file, byte for byte."""
        return await self._catalog.mirrored.core_metadata(await self._looked_up(source))

    async def mirrored_provenance(self, source: MirroredSource) -> bytes:
        """Return the provenance object of an upstream's file (PEP 740)."""
        return await self._catalog.mirrored.provenance(await self._looked_up(source))

    async def _looked_up(self, source: MirroredSource) -> MirroredSource:
        """Return a file that may be read, with all that rules need to know of it."""
        self._require(Verb.READ, NormalizedName(source.project.name), source.file.filename)
        found = await self._catalog.mirrored.looked_up(source)
        self._require_source(found)
        return found

    def _require_source(self, source: MirroredSource) -> None:
        self._require(Verb.READ, NormalizedName(source.project.name), source.file.filename)
        if not source.verdict.is_served:
            raise refused(source.project.name, source.file, source.verdict)
