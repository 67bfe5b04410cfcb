"""The schemas of the management API: what its answers and requests contain."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.projects import ProjectEntry
from wheelyard_server.model import Change, File, Project, Status

Reason = Annotated[str, msgspec.Meta(max_length=1000)]


class _Api(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class Whoami(_Api, frozen=True):
    """The user that sent the request, and what that user may do to at least some projects."""

    user: str | None
    """Null for anonymous."""
    groups: tuple[str, ...]
    verbs: tuple[Verb, ...]


class ProjectSummary(_Api, frozen=True):
    """A project in a list."""

    name: str
    version: str | None
    """The latest version."""
    summary: str
    status: Status
    files: int

    @classmethod
    def of(cls, entry: ProjectEntry) -> "ProjectSummary":
        """Return the summary of a project."""
        return cls(
            name=entry.name, version=entry.version, summary=entry.summary, status=entry.status, files=entry.files
        )


class Projects(_Api, frozen=True):
    """A page of a list of projects."""

    projects: tuple[ProjectSummary, ...]
    next: str | None
    """The value of `after` for the next page; null at the end."""


class Changed(_Api, frozen=True):
    """When something was changed, and by which user."""

    at: datetime
    by: str

    @classmethod
    def of(cls, change: Change | None) -> "Changed | None":
        """Return a change; None if it is not known."""
        return None if change is None else cls(at=change.at, by=change.by)


class FindingDetails(_Api, frozen=True):
    """A rule that an accepted file breaks."""

    rule: str
    """The rule's name, which never changes."""
    message: str


class FileDetails(_Api, frozen=True):
    """A file of a project."""

    filename: str
    version: str
    size: int
    sha256: str
    upload_time: datetime
    """When the file was first published."""
    added: datetime
    """When this index accepted the file."""
    uploader: str
    requires_python: str | None
    yanked: bool
    yanked_reason: str | None
    yank_changed: Changed | None
    """When the file was last yanked or unyanked; null if that is not known."""
    findings: tuple[FindingDetails, ...]
    """Rules that the file breaks, each once."""

    @classmethod
    def of(cls, file: File) -> "FileDetails":
        """Return the details of a file."""
        return cls(
            filename=file.filename,
            version=file.version,
            size=file.size,
            sha256=file.sha256,
            upload_time=file.upload_time,
            added=file.added or file.upload_time,
            uploader=file.uploader,
            requires_python=file.requires_python,
            yanked=file.yanked is not None,
            yanked_reason=file.yanked or None,
            yank_changed=Changed.of(file.yank_changed),
            findings=tuple(FindingDetails(rule=each.rule, message=each.message) for each in file.findings),
        )


class ProjectDetails(_Api, frozen=True):
    """A project with a page of its files, by filename."""

    name: str
    status: Status
    status_reason: str
    status_changed: Changed | None
    """When the status was last set; null if that is not known."""
    versions: tuple[str, ...]
    files: tuple[FileDetails, ...]
    next: str | None
    """The value of `after` for the next page of files; null at the end."""

    @classmethod
    def of(cls, project: Project, files: Sequence[File], following: str | None) -> "ProjectDetails":
        """Return the details of a project with these of its files; `following` is the value of `next`."""
        return cls(
            name=project.name,
            status=project.status,
            status_reason=project.status_reason,
            status_changed=Changed.of(project.status_changed),
            versions=project.versions,
            files=tuple(map(FileDetails.of, files)),
            next=following,
        )


class ChangedFiles(_Api, frozen=True):
    """The names of the files that an operation changed."""

    files: tuple[str, ...]

    @classmethod
    def of(cls, files: Iterable[File]) -> "ChangedFiles":
        """Return the names of the files."""
        return cls(files=tuple(file.filename for file in files))


class Yank(_Api, frozen=True):
    """Why installers should no longer choose the files; they show this reason."""

    reason: Reason = ""


class StatusChange(_Api, frozen=True):
    """A status marker of PEP 792, and why."""

    status: Status
    reason: Reason = ""
