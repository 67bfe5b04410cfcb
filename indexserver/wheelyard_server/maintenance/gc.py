"""`wheelyard gc`: removes leftovers of interrupted uploads, of deleted files and of upstreams.

An upload that was only paused must not be committed after its bytes are gone. So the ids to collect
are first written into the project's document (fenced), by the same compare-and-swap that commits an
upload. From then on, they cannot be committed. If it is stopped at any point, the next run
continues.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from wheelyard_server.catalog import edits
from wheelyard_server.catalog.bounded_work import for_each
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.stored_project import StoredProject
from wheelyard_server.errors import DamagedObjectError
from wheelyard_server.maintenance.events import Finding, Foreign, Forgotten, Removed, Report, Visited
from wheelyard_server.maintenance.fetches import report_foreign_fetches
from wheelyard_server.maintenance.inventory import Objects, projects
from wheelyard_server.maintenance.mirrored import Names, kept_bytes
from wheelyard_server.maintenance.uploads import UNNAMED, Uploads, unnamed, uploads_of, used_ids
from wheelyard_server.model import Project
from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import Listed, Storage, layout

PROJECTS_AT_ONCE = 8
GRACE = timedelta(hours=24)
"""Longer than any upload takes: a fenced one must be sent again."""
FENCES_KEPT = timedelta(days=30)
FORGOTTEN_AT_ONCE = 100
"""Number of objects of upstreams that are removed after one look at the documents."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Collects the garbage of one storage that is older than `grace`."""

    storage: Storage
    report: Report
    now: datetime
    grace: timedelta = GRACE
    dry_run: bool = False
    with_unnamed: bool = False
    """Whether to remove uploads that may be lost acknowledged writes; if not, they are reported and
    kept."""

    async def run(self) -> None:
        """Collect everything; raise `StorageError` if the storage does not answer."""
        documents = Documents(self.storage)

        async def collect(item: tuple[NormalizedName, Objects]) -> None:
            await self._collect(documents, *item)

        await for_each(projects(self.storage), collect, PROJECTS_AT_ONCE)
        await self._forget_mirrored(documents)
        await self._forget_spent()
        await self._forget_probes()
        await report_foreign_fetches(self.storage, self.report)

    async def _forget_mirrored(self, documents: Documents) -> None:
        """Remove bytes of upstreams that no document names."""
        kept = await kept_bytes(self.storage)
        for key in kept.foreign:
            self.report(Foreign(key))
        garbage = {digest: each for digest, each in kept.objects.items() if each.modified <= self.now - self.grace}
        names = Names(self.storage, documents)
        try:
            await self._forget_unnamed(garbage, names)
        except DamagedObjectError as error:
            self.report(Finding(layout.MIRRORED, f"bytes of upstreams are not collected: {error}"))

    async def _forget_unnamed(self, garbage: dict[str, Listed], names: Names) -> None:
        """Remove garbage in small parts, each after another look at the documents that have changed."""
        await names.remove_named(garbage)
        while garbage:
            part = dict(islice(garbage.items(), FORGOTTEN_AT_ONCE))
            await names.remove_named(garbage)
            for digest in part.keys() & garbage.keys():
                listed = garbage.pop(digest)
                if not self.dry_run:
                    await self.storage.delete(listed.key)
                self.report(Forgotten(listed.key, listed.size))

    async def _forget_spent(self) -> None:
        """Remove the marks of used tokens of past days, with a margin of a day for differing clocks."""
        yesterday = (self.now - timedelta(days=1)).date()
        async for listed in self.storage.list(layout.SPENT):
            if layout.is_past(listed.key, yesterday) and not self.dry_run:
                await self.storage.delete(listed.key)

    async def _forget_probes(self) -> None:
        """Remove the objects of a test of conditional writes that was killed."""
        async for listed in self.storage.list(layout.PROBES):
            if listed.modified <= self.now - self.grace and not self.dry_run:
                await self.storage.delete(listed.key)

    async def _collect(self, documents: Documents, name: NormalizedName, objects: Objects) -> None:
        try:
            stored = await documents.read(name)
        except DamagedObjectError as error:
            self.report(Finding(layout.document(name), f"the garbage of this project is not collected: {error}"))
            return
        uploads, foreign = uploads_of(objects)
        for key in foreign:
            self.report(Foreign(key))
        garbage = self._garbage(stored.project, uploads)
        if not self.with_unnamed:
            garbage -= self._kept(stored, {upload_id: uploads[upload_id] for upload_id in garbage})
        if not self.dry_run:
            garbage &= await self._fence(documents, name, garbage, uploads)
        for upload_id in sorted(garbage):
            await self._remove(name, upload_id, uploads[upload_id])
        self.report(Visited(name))

    def _kept(self, stored: StoredProject, garbage: Uploads) -> set[str]:
        """Report and return the uploads that may have been acknowledged."""
        kept = unnamed(stored, garbage)
        for key in sorted(kept.values()):
            self.report(Finding(key, UNNAMED))
        return set(kept)

    def _garbage(self, project: Project, uploads: Uploads) -> set[str]:
        used = used_ids(project.files)
        deleted = {object_id: file.deleted for file in project.deleted for object_id in file.object_ids}
        youngest = self.now - self.grace
        return {
            upload_id
            for upload_id, objects in uploads.items()
            if upload_id not in used
            and max(listed.modified for listed in objects) <= youngest
            and deleted.get(upload_id, youngest) <= youngest
        }

    async def _fence(
        self, documents: Documents, name: NormalizedName, garbage: Iterable[str], present: Iterable[str]
    ) -> set[str]:
        """Write the ids into the document, and return all fenced ids."""
        wanted, still_there = frozenset(garbage), frozenset(present)

        def change(project: Project) -> Project:
            return edits.with_fenced(self._without_old_fences(project, still_there), wanted, self.now)

        changed = await documents.change(name, change)
        return {fenced.upload_id for fenced in changed.fenced}

    def _without_old_fences(self, project: Project, present: frozenset[str]) -> Project:
        oldest = self.now - FENCES_KEPT
        kept = tuple(each for each in project.fenced if each.fenced > oldest or each.upload_id in present)
        return project.replace(fenced=kept)

    async def _remove(self, name: NormalizedName, upload_id: str, objects: list[Listed]) -> None:
        if not self.dry_run:
            for listed in objects:
                await self.storage.delete(listed.key)
        keys = tuple(listed.key for listed in objects)
        self.report(Removed(name, upload_id, keys, sum(listed.size for listed in objects)))
