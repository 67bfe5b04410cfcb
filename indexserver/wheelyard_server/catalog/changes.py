"""The changes of a catalog: uploads, yanks, deletions, statuses, and who owns a name."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime

from wheelyard_server.catalog import edits
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.freshness import FreshReader
from wheelyard_server.catalog.mirrored_catalog import MirroredCatalog
from wheelyard_server.catalog.mirrors import claims
from wheelyard_server.catalog.mirrors.mirrors import Mirrors
from wheelyard_server.catalog.mirrors.new_names import Asker
from wheelyard_server.catalog.mirrors.shadows import Shadow
from wheelyard_server.catalog.publish import Publisher, Upload
from wheelyard_server.catalog.quarantine import SharedQuarantine
from wheelyard_server.catalog.single_use import SingleUse
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import NotFoundError
from wheelyard_server.model import Change, File, Project
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.quarantine import Quarantined


class CatalogChanges(ABC):
    """What changes projects and files. `Catalog` has the parts, and shows what has become of a project."""

    writes: WriteGate
    """The gate that every change passes."""
    mirrored: MirroredCatalog
    """The files of upstreams."""
    quarantine: SharedQuarantine
    """What people have quarantined by hand."""
    _documents: Documents
    _reader: FreshReader
    _mirrors: Mirrors
    _publisher: Publisher
    _single_use: SingleUse
    _now: WallClock

    @abstractmethod
    async def project(self, name: NormalizedName, asker: Asker | None = None) -> ProjectView:
        """Return a project of this index or of an upstream."""

    async def publish(self, upload: Upload) -> None:
        """Add a file; see `Publisher.publish`."""
        await self.writes.passed()
        await self._mirrors.check_publishable(upload.filename.project)
        await self._publisher.publish(upload)

    async def yank(self, name: NormalizedName, selection: Selection, reason: str, by: str = "") -> tuple[File, ...]:
        """Yank the selected files (PEP 592) and return them; raise `NotFoundError` if there are none."""
        changed = self._change(by)
        return await self._edit(
            name, selection, lambda project: edits.with_yanked(project, selection, reason, changed)
        )

    async def unyank(self, name: NormalizedName, selection: Selection, by: str = "") -> tuple[File, ...]:
        """Unyank the selected files and return them; raise `NotFoundError` if there are none."""
        changed = self._change(by)
        return await self._edit(
            name, selection, lambda project: edits.with_yanked(project, selection, None, changed)
        )

    async def delete(self, name: NormalizedName, selection: Selection, by: str = "") -> tuple[File, ...]:
        """Delete the selected files permanently and return them; raise `NotFoundError` if there are none.

        Their names can never be used for other bytes. The bytes are collected later, see
        `maintenance`.
        """
        now = self._now()
        return await self._edit(name, selection, lambda project: edits.without(project, selection, now, by))

    async def set_status(self, name: NormalizedName, status: Status, reason: str, by: str = "") -> ProjectView:
        """Set a project's status marker (PEP 792) and return it; raise `NotFoundError` if there is none."""
        await self.writes.passed()
        changed = self._change(by)

        def change(project: Project) -> Project:
            if project.mirror is None:
                self._selected(project, Selection())
            return edits.with_status(project, status, reason, changed)

        # Another client may have deleted the files since: this change took effect all the same.
        view = self._documents.written(await self._documents.change(name, change))
        await view.offers.prepare()
        return view

    async def shadows(self, name: NormalizedName) -> tuple[Shadow, ...]:
        """Return the upstreams that have a name, too; raise `UpstreamError` if one cannot be asked."""
        return await self._mirrors.shadows(name)

    async def claim(self, name: NormalizedName, by: str = "") -> Project:
        """Make a name this index's own and return the project: upstreams' files are no longer offered."""
        await self.writes.passed()
        return await self._mirrors.claim(name, self._change(by))

    async def release(self, name: NormalizedName) -> Project:
        """Give a name without files of its own to the upstream that has it, and return the project.

        Raises `NameOwnedError` if it has files, or had some and no upstream has the name, and
        `UpstreamError` if an upstream cannot be asked.
        """
        await self.writes.passed()
        return await self._mirrors.release(name)

    async def refresh(self, name: NormalizedName) -> ProjectView:
        """Ask the upstream for a project's page now, and return the project; see `Mirrors.refresh`."""
        seen = await self._reader.read(name)
        refusal = self.mirrored.refusal_of_name(seen.stored)
        if refusal is not None:
            raise refusal
        await self._mirrors.refresh(seen)
        return await self.project(name)

    def _change(self, by: str) -> Change:
        return Change(at=self._now(), by=by)

    async def quarantine_release(
        self, name: NormalizedName, version: str, reason: str, by: str = ""
    ) -> tuple[Quarantined, ...]:
        """Refuse all files of a project, or of a version of it; see `SharedQuarantine.add`."""
        entry = Quarantined(project=name, version=version, reason=reason, by=by, at=self._now())
        return await self.quarantine.add(entry)

    async def quarantine_file(self, sha256: str, reason: str, by: str = "") -> tuple[Quarantined, ...]:
        """Refuse the bytes with a digest, whatever their project; see `SharedQuarantine.add`."""
        return await self.quarantine.add(Quarantined(sha256=sha256, reason=reason, by=by, at=self._now()))

    async def use_once(self, thing: str, until: datetime) -> bool:
        """Return whether this is the first use of a token; see `SingleUse.use`."""
        await self.writes.passed()
        return await self._single_use.use(thing, until)

    async def _edit(
        self, name: NormalizedName, selection: Selection, change: Callable[[Project], Project]
    ) -> tuple[File, ...]:
        await self.writes.passed()
        selected: tuple[File, ...] = ()

        def change_selected(project: Project) -> Project:
            # Select in the version that is changed: of two requests to delete a file, only one
            # deletes it.
            nonlocal selected
            selected = self._selected(project, selection)
            return change(project)

        await self._documents.change(name, change_selected)
        return selected

    @staticmethod
    def _selected(project: Project, selection: Selection) -> tuple[File, ...]:
        if project.owner:
            raise claims.mirrored(project)
        selected = selection.of(project)
        if not selected:
            what = "project in this index" if selection == Selection() else "file in this project"
            raise NotFoundError(f"No such {what}")
        return selected
