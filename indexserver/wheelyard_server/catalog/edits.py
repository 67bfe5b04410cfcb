"""All changes of a project, as pure functions from its document to the next one.

Each may be applied repeatedly: a write whose answer got lost is retried on the document of that
moment.
"""

from dataclasses import dataclass
from datetime import datetime

from packaging.version import Version

from wheelyard_server.catalog.mirrors import claims
from wheelyard_server.errors import (
    FileExistsWithOtherContentError,
    FilenameDeletedError,
    InvalidUploadError,
    ProjectClosedError,
    StorageUnavailableError,
)
from wheelyard_server.model import Change, DeletedFile, FencedUpload, File, Project
from wheelyard_server.model.status import Status
from wheelyard_server.names import version_key
from wheelyard_server.storage import layout


@dataclass(frozen=True, slots=True)
class Selection:
    """Some files of a project: one file, the files of one version, or all."""

    version: Version | None = None
    filename: str | None = None

    def __contains__(self, file: File) -> bool:
        return self.filename in (None, file.filename) and self.version in (None, Version(file.version))

    def of(self, project: Project) -> tuple[File, ...]:
        """Return the selected files that exist."""
        if self.filename is not None:
            named = project.file(self.filename)
            return (named,) if named is not None and named in self else ()
        return project.files if self.version is None else project.by_version.get(version_key(str(self.version)), ())


def has_file(project: Project, filename: str, sha256: str) -> bool:
    """Return whether the project has this distribution with these bytes, in any spelling of its filename.

    Raises if it exists, or was deleted, with other bytes. The same bytes in another spelling count
    as existing: installers identify a distribution by its parsed name, so none would use a second
    file.
    """
    existing = project.same_file(filename)
    if existing is not None:
        if existing.sha256 != sha256:
            raise FileExistsWithOtherContentError(filename, existing.filename)
        return True
    deleted = project.same_deleted_file(filename)
    if deleted is not None and deleted.sha256 != sha256:
        raise FilenameDeletedError(filename, deleted.filename)
    return False


def with_file(project: Project, file: File, max_files: int) -> Project:
    """Return the project with one more file. A deleted file may return, but only with the same bytes."""
    if has_file(project, file.filename, file.sha256):
        return project
    deleted = project.deleted_file(file.filename)
    if deleted is not None and deleted.upload_id == file.upload_id:
        # This very upload was committed before, without its writer knowing, and was deleted since.
        return project
    _check_takes_uploads(project)
    _check_not_fenced(project, file.upload_id, layout.content(project.name, file))
    if len(project.files) >= max_files:
        raise InvalidUploadError(f"The project {project.name} has {max_files} files, which is the maximum")
    kept = tuple(other for other in project.deleted if other is not deleted)
    before = project.same_deleted_file(file.filename)
    if before is not None and before.upload_time is not None:
        # The time of the first publication stays when a file returns, in any spelling.
        file = file.replace(upload_time=before.upload_time)
    return project.replace(files=(*project.files, file), deleted=kept)


def _check_takes_uploads(project: Project) -> None:
    if project.owner:
        raise claims.taken(project.name, project.owner)
    if not project.status.takes_uploads:
        raise ProjectClosedError(f"The project {project.name} is {project.status} and accepts no uploads")


def _check_not_fenced(project: Project, object_id: str | None, key: str) -> None:
    if any(fenced.upload_id == object_id for fenced in project.fenced):
        raise StorageUnavailableError(key, "collected before it was committed")


def with_yanked(
    project: Project, selection: Selection, reason: str | None, changed: Change | None = None
) -> Project:
    """Return the project with the selected files yanked for this reason, or unyanked if it is None (PEP 592)."""
    chosen = {file.filename for file in selection.of(project)}

    def edited(file: File) -> File:
        if file.filename not in chosen or file.yanked == reason:
            return file
        return file.replace(yanked=reason, yank_changed=changed)

    return project.replace(files=tuple(map(edited, project.files)))


def without(project: Project, selection: Selection, now: datetime, by: str = "") -> Project:
    """Return the project without the selected files, but with a record of each."""
    chosen = selection.of(project)
    names = {file.filename for file in chosen}
    gone = tuple(_deleted(file, now, by) for file in chosen)
    kept = tuple(file for file in project.files if file.filename not in names)
    return project.replace(files=kept, deleted=(*project.deleted, *gone))


def _deleted(file: File, now: datetime, by: str) -> DeletedFile:
    return DeletedFile(
        filename=file.filename,
        sha256=file.sha256,
        upload_id=file.upload_id,
        deleted=now,
        deleted_by=by,
        upload_time=file.upload_time,
        provenance_id=file.provenance_id,
    )


def with_provenance(project: Project, file: File, attested: File) -> Project:
    """Return the project with `attested` in place of `file`; they differ in their provenance only.

    If the file has changed since it was read, the project stays unchanged.
    """
    if file not in project.files:
        return project
    _check_takes_uploads(project)
    _check_not_fenced(project, attested.provenance_id, layout.provenance(project.name, attested))
    return project.replace(files=tuple(attested if each == file else each for each in project.files))


def with_status(project: Project, status: Status, reason: str, changed: Change | None = None) -> Project:
    """Return the project with another status (PEP 792)."""
    if (status, reason) == (project.status, project.status_reason):
        return project
    return project.replace(status=status, status_reason=reason, status_changed=changed)


def with_fenced(project: Project, upload_ids: frozenset[str], now: datetime) -> Project:
    """Return the project with these uploads barred from ever being committed, except those in use."""
    used = {fenced.upload_id for fenced in project.fenced}.union(*(file.object_ids for file in project.files))
    added = (FencedUpload(upload_id=upload_id, fenced=now) for upload_id in sorted(upload_ids - used))
    return project.replace(fenced=(*project.fenced, *added))
