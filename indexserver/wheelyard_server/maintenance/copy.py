"""`wheelyard copy FROM TO`: for backups, for restores, and for moving from a folder to S3.

It copies immutable objects first, then each project's document by compare-and-swap. So the target
is a consistent index at every moment, an interrupted copy can continue, and a repeated one copies
only what is new. It never takes anything back: a project with content of its own in the target is
left unchanged, and reported.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from wheelyard_server.catalog import ownership
from wheelyard_server.catalog.bounded_work import for_each
from wheelyard_server.catalog.contents.verified_streams import verify_bytes, verify_stream
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.mirrors.claims import is_local
from wheelyard_server.catalog.ownership import StorageFormat
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.errors import DamagedObjectError, ObjectNotFoundError, WheelyardError
from wheelyard_server.maintenance.advisories import copy_advisories
from wheelyard_server.maintenance.events import Copied, Finding, Report, Visited
from wheelyard_server.maintenance.fetches import FetchesCopier
from wheelyard_server.maintenance.inventory import projects
from wheelyard_server.maintenance.mirrored import digests, kept_bytes
from wheelyard_server.maintenance.quarantine import copy_quarantine
from wheelyard_server.maintenance.uploads import used_ids
from wheelyard_server.model import File, Project
from wheelyard_server.names import NormalizedName
from wheelyard_server.storage import Listed, Storage, layout

PROJECTS_AT_ONCE = 8


class ConflictError(WheelyardError):
    """The target has content that the source does not have, or has deleted content of the source."""


class _Amount(NamedTuple):
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Copier:
    """Copies one storage to another."""

    source: Storage
    target: Storage
    scratch: Scratch
    report: Report
    owner: str | None = None
    """`<namespace>/<name>` of the PackageIndex that will own the copy: an operator creates a key
    for no other."""
    with_mirrored: bool = True
    """Whether to copy the kept bytes of upstreams. The documents of mirrors are always copied."""
    _kept: dict[str, Listed] = field(default_factory=dict, init=False)
    """Kept objects that the target does not have, by digest."""

    async def run(self) -> None:
        """Copy everything, except test results of S3 servers.

        Raises `StorageError` if a storage does not answer, `InvalidSettingsError` if another index
        than `owner` owns the target, and `UnsafeStorageError` if writing to the target is not safe.
        """
        await ownership.take_ownership(self.target, self.owner)
        await WriteSafety(self.target).check()
        await self._agree_on_format()
        here, there = Documents(self.source), Documents(self.target)
        if self.with_mirrored:
            await self._find_kept()

        async def names() -> AsyncIterator[NormalizedName]:
            async for name, _ in projects(self.source):
                yield name

        async def copy(name: NormalizedName) -> None:
            await self._copy_project(here, there, name)

        await for_each(names(), copy, PROJECTS_AT_ONCE)
        await FetchesCopier(self.source, self.target, self.report).run()
        await copy_advisories(self.source, self.target, self.report)
        await copy_quarantine(self.source, self.target)

    async def _find_kept(self) -> None:
        present = (await kept_bytes(self.target)).objects
        kept = (await kept_bytes(self.source)).objects
        self._kept.update({digest: each for digest, each in kept.items() if digest not in present})

    async def _agree_on_format(self) -> None:
        """Raise the target's format to that of the source; raise `ConflictError` if its servers may be too old."""
        if await StorageFormat(self.target).current() >= await StorageFormat(self.source).current():
            return
        found, _ = await ownership.read(self.target)
        if found.index is not None:
            raise ConflictError(
                f"The target has format {found.format} and belongs to {found.index}, but the source has a newer"
                " one: upgrade the servers of the target first"
            )
        await ownership.raise_format(self.target)

    async def _copy_project(self, here: Documents, there: Documents, name: NormalizedName) -> None:
        try:
            project = (await here.read(name)).project
            check_conflicts(project, (await there.read(name)).project)
            amount = await self._copy_files(name, project)
            mirrored = await self._copy_mirrored(project)
            await there.change(name, lambda current: merged(project, current))
        except (ConflictError, DamagedObjectError, ObjectNotFoundError) as error:
            self.report(Finding(layout.document(name), f"was not copied: {error}"))
            return
        amount = _Amount(amount.files + mirrored.files, amount.bytes + mirrored.bytes)
        if amount.files:
            self.report(Copied(name, *amount))
        self.report(Visited(name))

    async def _copy_files(self, name: NormalizedName, project: Project) -> _Amount:
        folder = f"{layout.FILES}{name}/"
        present = {listed.key: listed.size async for listed in self.target.list(folder)}
        files = [file for file in project.files if not _is_complete(name, file, present)]
        for file in files:
            await self._copy_file(name, file)
        return _Amount(len(files), sum(file.size for file in files))

    async def _copy_mirrored(self, project: Project) -> _Amount:
        """Copy the kept bytes of a mirror that the target does not have."""
        sizes = []
        for digest, _ in digests(project):
            # Projects may share bytes: the first one copies them.
            listed = self._kept.pop(digest, None)
            if listed is not None and await self._copy_kept(digest, listed):
                sizes.append(listed.size)
        return _Amount(len(sizes), sum(sizes))

    async def _copy_kept(self, digest: str, listed: Listed) -> bool:
        try:
            with self.scratch.receiver() as receiver:
                stream = await self.source.open(listed.key, 0, listed.size, is_whole=True)
                async for chunk in verify_stream(stream, digest, listed.key):
                    await receiver.write(chunk)
                await self.target.store({listed.key: (await receiver.finish()).source})
        except DamagedObjectError as error:
            self.report(Finding(listed.key, f"was not copied: {error}"))
            return False
        except ObjectNotFoundError:
            return False  # It was collected since it was listed.
        return True

    async def _copy_file(self, name: NormalizedName, file: File) -> None:
        key = layout.content(name, file)
        with self.scratch.receiver() as receiver:
            chunks = verify_stream(await self.source.open(key, 0, file.size, is_whole=True), file.sha256, key)
            async for chunk in chunks:
                await receiver.write(chunk)
            objects: dict[str, Path | bytes] = {key: (await receiver.finish()).source}
            for beside in layout.beside(name, file):
                body, _ = await self.source.read(beside.key)
                objects[beside.key] = verify_bytes(body, beside.sha256, beside.key)
            await self.target.store(objects)


def check_conflicts(project: Project, target: Project) -> None:
    """Raise `ConflictError` if copying `project` would remove something from the target."""
    _check_owners(project, target)
    for file in target.files:
        known = project.file(file.filename) or project.deleted_file(file.filename)
        if known is None or known.sha256 != file.sha256:
            raise ConflictError(f"the target has a {file.filename} that the source does not have")
    for deleted in target.deleted:
        present = project.file(deleted.filename)
        if present is not None and present.sha256 != deleted.sha256:
            raise ConflictError(f"the target had a {deleted.filename} with other content")
        if present is not None and present.upload_id == deleted.upload_id:
            raise ConflictError(f"{deleted.filename} was deleted in the target only")
        if present is None and project.deleted_file(deleted.filename) is None:
            raise ConflictError(f"the target had a {deleted.filename} that the source never had")


def _check_owners(project: Project, target: Project) -> None:
    """Raise `ConflictError` if the name has another owner in the target, or a filename other bytes."""
    if not (target.owner or is_local(target)):
        return
    if target.owner != project.owner or (target.claimed and not is_local(project)):
        raise ConflictError(f"it belongs to {target.owner or 'the index itself'} in the target")
    if target.mirror is None or project.mirror is None:
        return
    if target.mirror.url != project.mirror.url:
        raise ConflictError(f"it is mirrored from {target.mirror.url} in the target")
    known = {file.filename: file.sha256 for file in project.mirror.files}
    for file in target.mirror.files:
        if file.sha256 and known.get(file.filename, "") != file.sha256:
            raise ConflictError(f"the target has a {file.filename} that the source does not have")


def merged(project: Project, target: Project) -> Project:
    """Return the source's project as it will be in the target; raise `ConflictError` for a conflict."""
    check_conflicts(project, target)
    fenced = {upload.upload_id for upload in target.fenced} - used_ids(target.files)
    for file in project.files:
        if not file.object_ids.isdisjoint(fenced):
            raise ConflictError(f"{file.filename} is being collected in the target, publish it there again")
    # Fences, the format, the serial and the ids of writes concern the storage that they are in.
    return project.replace(
        format=target.format, serial=target.serial, operations=target.operations, fenced=target.fenced
    )


def _is_complete(name: NormalizedName, file: File, present: Mapping[str, int]) -> bool:
    """Return whether all objects of the file exist; each was verified before it was stored."""
    return present.get(layout.content(name, file)) == file.size and all(
        beside.key in present for beside in layout.beside(name, file)
    )
