"""`wheelyard verify`: checks all documents and files, and compares them. It only reads."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

from wheelyard_server.catalog import ownership
from wheelyard_server.catalog.bounded_work import for_each
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.stored_project import StoredProject
from wheelyard_server.errors import (
    DamagedObjectError,
    InvalidSettingsError,
    ObjectNotFoundError,
    StorageUnavailableError,
)
from wheelyard_server.maintenance.advisories import verify_advisories
from wheelyard_server.maintenance.events import Finding, Foreign, Marked, Report, Unreferenced, Visited
from wheelyard_server.maintenance.fetches import verify_fetches
from wheelyard_server.maintenance.inventory import Objects, projects
from wheelyard_server.maintenance.mirrored import Names, kept_bytes
from wheelyard_server.maintenance.quarantine import verify_quarantine
from wheelyard_server.maintenance.uploads import UNNAMED, Uploads, unnamed, uploads_of, used_ids
from wheelyard_server.model import File, Project
from wheelyard_server.names import DistributionIdentity, NormalizedName, distribution_identity
from wheelyard_server.storage import Listed, Storage, layout

PROJECTS_AT_ONCE = 8
_MISSING = "is missing"
SETTLE_SECONDS = 30
"""Longer than the time between the objects and the document of an upload in progress."""


@dataclass(frozen=True, slots=True)
class _Part:
    """An object of a file, with its expected digest and size."""

    key: str
    sha256: str
    size: int | None
    """None if the document does not contain it."""


@dataclass(frozen=True, slots=True)
class StorageVerifier:
    """Checks one storage. `quick` compares sizes instead of reading the files."""

    storage: Storage
    report: Report
    quick: bool = False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _suspects: dict[NormalizedName, Uploads] = field(default_factory=dict, init=False)
    """Uploads that may be lost acknowledged writes, unless they are still in progress."""

    async def run(self) -> None:
        """Check everything; raise `StorageError` if the storage does not answer."""
        await self._check_identity()
        documents = Documents(self.storage)

        async def check(item: tuple[NormalizedName, Objects]) -> None:
            await self._check_project(documents, *item)

        await for_each(projects(self.storage), check, PROJECTS_AT_ONCE)
        await self._check_mirrored(documents)
        await verify_fetches(self.storage, self.report)
        await verify_advisories(self.storage, self.report)
        await verify_quarantine(self.storage, self.report)
        await self._check_suspects(documents)

    async def _check_identity(self) -> None:
        try:
            await ownership.read(self.storage)
        except ObjectNotFoundError:
            self.report(Finding(layout.INDEX, "is missing: start a server on this storage to create it"))
        except InvalidSettingsError as error:
            self.report(Finding(layout.INDEX, str(error)))

    async def _check_project(self, documents: Documents, name: NormalizedName, objects: Objects) -> None:
        try:
            stored = await documents.read(name)
        except DamagedObjectError as error:
            self.report(Finding(layout.document(name), str(error)))
            return
        project = stored.project
        for problem in contradictions(project):
            self.report(Finding(layout.document(name), problem))
        for file in project.files:
            for found in file.findings:
                self.report(Marked(layout.content(name, file), found.rule, found.message))
            for part in _parts(name, file):
                await self._check_part(documents, name, file, part, objects)
        self._report_unreferenced(name, stored, objects)
        self.report(Visited(name))

    async def _check_mirrored(self, documents: Documents) -> None:
        """Check the bytes of upstreams that are kept; bytes that are not kept are no problem."""
        kept = await kept_bytes(self.storage)
        for key in kept.foreign:
            self.report(Foreign(key))
        unnamed_objects = dict(kept.objects)
        try:
            sizes = await Names(self.storage, documents).remove_named(unnamed_objects)
        except DamagedObjectError:
            # It was reported with its project. Without it, no object is known to be unnamed.
            sizes, unnamed_objects = {}, {}
        for listed in unnamed_objects.values():
            self.report(Unreferenced(listed.key, listed.size))

        async def check(item: tuple[str, Listed]) -> None:
            await self._check_kept(*item, sizes)

        await for_each(kept.objects.items(), check, PROJECTS_AT_ONCE)

    async def _check_kept(self, digest: str, listed: Listed, sizes: Mapping[str, int]) -> None:
        part = _Part(listed.key, digest, sizes.get(digest))
        problem = await self._problem(part, {listed.key: listed})
        # One that is missing was collected since it was listed.
        if problem is not None and problem != _MISSING:
            self.report(Finding(listed.key, f"{problem}: delete it, and it is fetched from its upstream again"))

    async def _check_part(
        self, documents: Documents, name: NormalizedName, file: File, part: _Part, objects: Objects
    ) -> None:
        problem = await self._problem(part, objects)
        if problem is None:
            return
        # The file may have been deleted and collected since the document was read.
        if file in (await documents.read(name)).project.files:
            self.report(Finding(part.key, problem))

    async def _problem(self, part: _Part, objects: Objects) -> str | None:
        listed = objects.get(part.key)
        if listed is not None and part.size not in (None, listed.size):
            return f"has {listed.size} bytes instead of {part.size}"
        if self.quick and listed is not None:
            return None
        return await self._digest_problem(part, listed.size if listed else part.size)

    async def _digest_problem(self, part: _Part, size: int | None) -> str | None:
        digest = hashlib.sha256()
        try:
            if size is None:
                digest.update((await self.storage.read(part.key)).body)
            else:
                async for chunk in await self.storage.open(part.key, 0, size, is_whole=True):
                    digest.update(chunk)
        except ObjectNotFoundError:
            return _MISSING
        except StorageUnavailableError as error:
            return f"cannot be read: {error}"
        return None if digest.hexdigest() == part.sha256 else f"has the SHA-256 {digest.hexdigest()}"

    def _report_unreferenced(self, name: NormalizedName, stored: StoredProject, objects: Objects) -> None:
        uploads, foreign = uploads_of(objects)
        for key in foreign:
            self.report(Foreign(key))
        suspects = unnamed(stored, uploads)
        for upload_id in uploads.keys() - used_ids(stored.project.files) - suspects.keys():
            for listed in uploads[upload_id]:
                self.report(Unreferenced(listed.key, listed.size))
        if suspects:
            self._suspects[name] = {upload_id: uploads[upload_id] for upload_id in suspects}

    async def _check_suspects(self, documents: Documents) -> None:
        """Report uploads that no document names, after those in progress have had time to finish."""
        if not self._suspects:
            return
        await self.sleep(SETTLE_SECONDS)
        for name, uploads in sorted(self._suspects.items()):
            for key in sorted(unnamed(await documents.read(name), uploads).values()):
                self.report(Finding(key, UNNAMED))


def contradictions(project: Project) -> Iterator[str]:
    """Yield violations of a document's invariants, see docs/architecture.md."""
    yield from _owner_contradictions(project)
    filenames = [*(file.filename for file in project.files), *(file.filename for file in project.deleted)]
    for filename, count in Counter(filenames).items():
        if count > 1:
            yield f"names {filename} {count} times"
    fenced = {each.upload_id for each in project.fenced}
    for file in project.files:
        if not fenced.isdisjoint(file.object_ids):
            yield f"{file.filename} belongs to a fenced upload"
    yield from _second_spellings(project)


def _owner_contradictions(project: Project) -> Iterator[str]:
    """Yield what would mix two owners, or give one filename two contents."""
    if bool(project.owner) is not (project.mirror is not None):
        yield "is mirrored without an upstream, or has an upstream without a mirror"
    if project.owner and project.files:
        yield f"is mirrored from {project.owner}, and has {len(project.files)} files of its own"
    mirrored = () if project.mirror is None else project.mirror.files
    for filename, count in Counter(file.filename for file in mirrored).items():
        if count > 1:
            yield f"names {filename} of {project.owner} {count} times"


def _second_spellings(project: Project) -> Iterator[str]:
    """Yield files whose distribution also exists in another spelling, which early releases accepted."""
    listed: dict[DistributionIdentity, str] = {}
    deleted = {distribution_identity(each.filename): each for each in project.deleted}
    for file in project.files:
        which = distribution_identity(file.filename)
        if which is None:
            continue
        first, gone = listed.setdefault(which, file.filename), deleted.get(which)
        if first != file.filename:
            yield f"{file.filename} and {first} are one distribution, and installers may use either: delete one"
        if gone is not None and gone.sha256 != file.sha256 and gone.deleted < file.upload_time:
            yield f"{file.filename} is the same distribution as {gone.filename}, which was deleted earlier"


def _parts(name: NormalizedName, file: File) -> Iterator[_Part]:
    yield _Part(layout.content(name, file), file.sha256, file.size)
    for beside in layout.beside(name, file):
        yield _Part(beside.key, beside.sha256, None)
