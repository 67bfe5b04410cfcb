"""The catalog as one principal may see and change it. Handlers get this, never the catalog itself.

Permissions are checked against the project under which a file is stored, never against the claims
of a URL: every method looks the file up in the document of the project that it has checked.
"""

from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.rules import Principal, Rules, Verb
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.contents.content import Content
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.projects import Projects, SerialListing
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from wheelyard_server.model import File, Project, Status
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Listener


class GuardedCatalog:
    """The part of `catalog` that `rules` allow to `principal`; attempts are written to `record`.

    Every method raises the catalog's own errors, `UnauthenticatedError` if a login might allow
    this, `ForbiddenError` if the principal may know the project but not do this, and
    `NotFoundError` if it may not even know the project.
    """

    def __init__(
        self, catalog: Catalog, rules: Rules, principal: Principal, listener: Listener, record: AuditRecord
    ) -> None:
        self.principal = principal
        self._listener = listener
        self._record = record
        record.principal, record.method = principal, principal.method
        self._catalog = catalog
        self._rules = rules

    @property
    def verbs(self) -> tuple[Verb, ...]:
        """Return the verbs that the principal may use on at least some projects."""
        return tuple(verb for verb in Verb if self._rules.allows_some(self.principal, verb))

    async def projects(self) -> Projects:
        """Return all readable projects, by name."""
        self._require_some(Verb.READ)
        readers = self._rules.granting(self.principal, Verb.READ)
        return await (await self._catalog.projects()).selected(readers.grants, readers.cover)

    async def projects_for_mirrors(self) -> SerialListing:
        """Return all readable projects with their serials."""
        self._require_some(Verb.READ)
        readers = self._rules.granting(self.principal, Verb.READ)
        projects, horizon = await self._catalog.projects_for_mirrors()
        return SerialListing(await projects.selected(readers.grants, readers.cover), horizon)

    async def project(self, name: NormalizedName) -> ProjectView:
        """Return the current state of a project."""
        self._require(Verb.READ, name)
        return await self._catalog.project(name)

    async def has(self, name: NormalizedName) -> bool:
        """Return whether there is a readable project of this name; if not, nothing counts as refused."""
        try:
            return self._may(Verb.READ, name) and bool(await self._catalog.project(name))
        except NotFoundError:
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

    def require_publisher(self) -> None:
        """Refuse a principal that may publish nothing, before a byte of the upload is read."""
        self._require_some(Verb.PUBLISH)

    async def publish(self, upload: Upload) -> None:
        """Add a file to its project."""
        self._record.sha256 = upload.content.digests["sha256"]
        self._require(Verb.PUBLISH, upload.filename.project, upload.filename.filename)
        await self._catalog.publish(upload)

    async def yank(self, name: NormalizedName, selection: Selection, reason: str) -> tuple[File, ...]:
        """Yank the selected files and return them."""
        self._require(Verb.YANK, name, *_named(selection))
        return self._recorded(await self._catalog.yank(name, selection, reason, str(self.principal)))

    async def unyank(self, name: NormalizedName, selection: Selection) -> tuple[File, ...]:
        """Unyank the selected files and return them."""
        self._require(Verb.YANK, name, *_named(selection))
        return self._recorded(await self._catalog.unyank(name, selection, str(self.principal)))

    async def delete(self, name: NormalizedName, selection: Selection) -> tuple[File, ...]:
        """Delete the selected files permanently and return them."""
        self._require(Verb.DELETE, name, *_named(selection))
        return self._recorded(await self._catalog.delete(name, selection, str(self.principal)))

    async def set_status(self, name: NormalizedName, status: Status, reason: str) -> Project:
        """Set a project's status marker and return the project."""
        self._require(Verb.MANAGE, name)
        return await self._catalog.set_status(name, status, reason, str(self.principal))

    def _may(self, verb: Verb, name: NormalizedName) -> bool:
        return self._rules.allows(self.principal, verb, name)

    def _recorded(self, files: tuple[File, ...]) -> tuple[File, ...]:
        self._record.files = tuple(file.filename for file in files)
        return files

    def _require(self, verb: Verb, name: NormalizedName, *filenames: str) -> None:
        self._record.project, self._record.files = name, filenames
        if self._may(verb, name):
            return
        if verb is Verb.READ and not self.principal.is_anonymous:
            self._record.hidden = True
            raise NotFoundError("No such project in this index")
        # Naming the project reveals nothing: the name is the client's own, whether the project
        # exists or not.
        self._refuse(verb, f"the project {name}")

    def _require_some(self, verb: Verb) -> None:
        if not self._rules.allows_some(self.principal, verb):
            self._refuse(verb, "any project")

    def _refuse(self, verb: Verb, what: str) -> None:
        if self.principal.is_anonymous:
            raise UnauthenticatedError(f"Log in to {verb} {what}")
        raise ForbiddenError(f"The user {self.principal} has no permission to {verb} {what}")


def _named(selection: Selection) -> tuple[str, ...]:
    return () if selection.filename is None else (selection.filename,)
