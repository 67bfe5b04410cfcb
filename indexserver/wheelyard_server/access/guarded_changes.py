"""The changes of the catalog that one principal may make."""

from datetime import datetime

from wheelyard_server.access.audit import AuditRecord
from wheelyard_server.access.permission_checks import PermissionChecks
from wheelyard_server.access.rules import Principal, Rules, Verb
from wheelyard_server.catalog.advisories.state import AdvisoriesState
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.mirrors.shadows import Shadow
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.feed import Export
from wheelyard_server.model import File, Project
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.quarantine import Quarantined


class GuardedChanges(PermissionChecks):
    """Changes projects and files, and asks upstreams for their owners; see `GuardedCatalog`."""

    def __init__(self, catalog: Catalog, rules: Rules, principal: Principal, record: AuditRecord) -> None:
        super().__init__(rules, principal, record)
        self._catalog = catalog

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

    async def set_status(self, name: NormalizedName, status: Status, reason: str) -> ProjectView:
        """Set a project's status marker and return the project."""
        self._require(Verb.MANAGE, name)
        return await self._catalog.set_status(name, status, reason, str(self.principal))

    async def shadows(self, name: NormalizedName) -> tuple[Shadow, ...]:
        """Return the upstreams that have a project of this name, too."""
        self._require(Verb.MANAGE, name)
        return await self._catalog.shadows(name)

    def confirmed(self, view: ProjectView) -> datetime | None:
        """Return when its upstream last confirmed a project, in UTC; None if it is this index's own."""
        return self._catalog.confirmed(view)

    async def claim(self, name: NormalizedName) -> Project:
        """Make a name this index's own and return the project."""
        self._require(Verb.MANAGE, name)
        return await self._catalog.claim(name, str(self.principal))

    async def release(self, name: NormalizedName) -> Project:
        """Give a name without files of its own back to the upstreams and return the project."""
        self._require(Verb.MANAGE, name)
        return await self._catalog.release(name)

    async def refresh(self, name: NormalizedName) -> ProjectView:
        """Ask the upstream for a project now, and return the project."""
        self._require(Verb.PUBLISH, name)
        return await self._catalog.refresh(name)

    def require_manager(self) -> None:
        """Refuse a principal that may not manage the whole index."""
        self._require_all(Verb.MANAGE)

    async def advisories(self) -> AdvisoriesState:
        """Return the state of the advisories."""
        self.require_manager()
        return self._catalog.advisories.state()

    async def load_advisories(self, export: Export, *, is_accepted: bool) -> AdvisoriesState:
        """Put an export in force, `is_accepted` also if it takes much away, and return the state."""
        self.require_manager()
        source = f"loaded by {self.principal}"
        return await self._catalog.advisories.load(export, source, is_accepted=is_accepted)

    async def accept_advisories(self) -> AdvisoriesState:
        """Accept that the feed takes records away, and return the state."""
        self.require_manager()
        return await self._catalog.advisories.accept()

    async def quarantine(self, name: NormalizedName, version: str, reason: str) -> tuple[Quarantined, ...]:
        """Refuse all files of a project, or of a version of it, and return all entries that this user manages."""
        self._require(Verb.MANAGE, name)
        await self._catalog.quarantine_release(name, version, reason, str(self.principal))
        return self.quarantined()

    async def lift(self, name: NormalizedName, version: str) -> tuple[Quarantined, ...]:
        """Undo exactly this `quarantine`, and return the entries that remain."""
        self._require(Verb.MANAGE, name)
        await self._catalog.quarantine.lift(project=name, version=version)
        return self.quarantined()

    async def quarantine_file(self, sha256: str, reason: str) -> tuple[Quarantined, ...]:
        """Refuse the bytes with a digest. They may belong to any project, so this needs the right to manage all."""
        self._record.sha256 = sha256
        self._require_all(Verb.MANAGE)
        await self._catalog.quarantine_file(sha256, reason, str(self.principal))
        return self.quarantined()

    async def lift_file(self, sha256: str) -> tuple[Quarantined, ...]:
        """Undo exactly this `quarantine_file`, and return the entries that remain."""
        self._record.sha256 = sha256
        self._require_all(Verb.MANAGE)
        await self._catalog.quarantine.lift(sha256=sha256)
        return self.quarantined()

    def quarantined(self) -> tuple[Quarantined, ...]:
        """Return the entries of projects that the principal manages, and those of files if it manages all."""
        self._require_some(Verb.MANAGE)
        all_ = self._rules.allows_all(self.principal, Verb.MANAGE)
        return tuple(
            each
            for each in self._catalog.quarantine.entries
            if all_ or (each.project and self._may(Verb.MANAGE, NormalizedName(each.project)))
        )

    def _recorded(self, files: tuple[File, ...]) -> tuple[File, ...]:
        self._record.files = tuple(file.filename for file in files)
        return files


def _named(selection: Selection) -> tuple[str, ...]:
    return () if selection.filename is None else (selection.filename,)
