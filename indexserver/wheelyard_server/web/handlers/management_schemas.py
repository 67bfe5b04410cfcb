"""The schemas of the management API: what its answers and requests contain."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from packaging.version import Version

from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.mirrors.shadows import Shadow
from wheelyard_server.catalog.projects import ProjectEntry
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.model import Change, File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.model.status import Status

Reason = Annotated[str, msgspec.Meta(max_length=1000)]


class ApiStruct(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A mapping in a request or an answer. Its keys are the names of the fields in camel case."""


class Whoami(ApiStruct, frozen=True):
    """The user that sent the request, and what that user may do to at least some projects."""

    user: str | None
    """Null for anonymous."""
    groups: tuple[str, ...]
    verbs: tuple[Verb, ...]


class ProjectSummary(ApiStruct, frozen=True):
    """A project in a list."""

    name: str
    version: str | None
    """The latest version."""
    summary: str
    status: Status
    files: int
    upstream: str | None
    """The upstream that the project is mirrored from; null if it is this index's own."""

    @classmethod
    def of(cls, entry: ProjectEntry) -> "ProjectSummary":
        """Return the summary of a project."""
        return cls(
            name=entry.name,
            version=entry.version,
            summary=entry.summary,
            status=entry.status,
            files=entry.files,
            upstream=entry.upstream or None,
        )


class Projects(ApiStruct, frozen=True):
    """A page of a list of projects."""

    projects: tuple[ProjectSummary, ...]
    next: str | None
    """The value of `after` for the next page; null at the end."""


class Changed(ApiStruct, frozen=True):
    """When something was changed, and by which user."""

    at: datetime
    by: str

    @classmethod
    def of(cls, change: Change | None) -> "Changed | None":
        """Return a change; None if it is not known."""
        return None if change is None else cls(at=change.at, by=change.by)


class FindingDetails(ApiStruct, frozen=True):
    """A rule that an accepted file breaks."""

    rule: str
    """The rule's name, which never changes."""
    message: str


class FileDetails(ApiStruct, frozen=True):
    """A file of a project."""

    filename: str
    version: str
    size: int | None
    """Null if an upstream does not say."""
    sha256: str | None
    """Null if an upstream does not say, and the file was never fetched."""
    upload_time: datetime | None
    """When the file was first published; null if an upstream does not say."""
    added: datetime | None
    """When this index accepted the file, or first saw it at its upstream if that has no upload time."""
    uploader: str | None
    """Null for a file of an upstream."""
    requires_python: str | None
    yanked: bool
    yanked_reason: str | None
    yank_changed: Changed | None
    """When the file was last yanked or unyanked; null if that is not known."""
    findings: tuple[FindingDetails, ...]
    """Rules that the file breaks, each once."""
    unlisted: str | None = None
    """Why pages do not list the file; null if they do."""


def _details(file: File | MirroredFile, unlisted: str) -> FileDetails:
    """Return the details of a file; `unlisted` is the reason why pages do not list it, "" if they do."""
    if isinstance(file, MirroredFile):
        return _details_of_mirrored(file, unlisted)
    return FileDetails(
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
        unlisted=unlisted or None,
    )


def _details_of_mirrored(file: MirroredFile, unlisted: str) -> FileDetails:
    return FileDetails(
        filename=file.filename,
        version=file.version,
        size=file.size,
        sha256=file.sha256 or None,
        upload_time=file.upload_time,
        added=file.first_seen,
        uploader=None,
        requires_python=file.requires_python,
        yanked=file.yanked is not None,
        yanked_reason=file.yanked or None,
        yank_changed=None,
        findings=(),
        unlisted=unlisted or None,
    )


class ProjectDetails(ApiStruct, frozen=True):
    """A project with a page of its files, by filename."""

    name: str
    upstream: str | None
    """The upstream that the project is mirrored from; null if it is this index's own."""
    status: str
    """A marker of PEP 792; that of an upstream may be one that this index does not know."""
    status_reason: str
    status_changed: Changed | None
    """When the status was last set; null if that is not known."""
    versions: tuple[str, ...]
    files: tuple[FileDetails, ...]
    next: str | None
    """The value of `after` for the next page of files; null at the end."""

    @classmethod
    def of(cls, view: ProjectView, files: Sequence[File | MirroredFile], following: str | None) -> "ProjectDetails":
        """Return the details of a project with these of its files; `following` is the value of `next`."""
        return cls(
            name=view.project.name,
            upstream=view.project.owner or None,
            status=view.status,
            status_reason=view.status_reason,
            status_changed=Changed.of(view.project.status_changed),
            versions=view.versions,
            files=_all_details(view, files),
            next=following,
        )


def _all_details(view: ProjectView, files: Iterable[File | MirroredFile]) -> tuple[FileDetails, ...]:
    listed = view.listed_names
    # As few calls as possible for each file: a page has a thousand.
    return tuple([_details(file, "" if file.filename in listed else view.verdict(file).reason) for file in files])


class NameOwner(ApiStruct, frozen=True):
    """To whom the name of a project belongs."""

    name: str
    upstream: str | None
    """The upstream that the project is mirrored from; null if it is this index's own, or has no owner."""
    claimed: Changed | None
    """When the name was claimed from an upstream; null if it was not."""

    @classmethod
    def of(cls, project: Project) -> "NameOwner":
        """Return the owner of a project's name."""
        return cls(name=project.name, upstream=project.owner or None, claimed=Changed.of(project.claimed))


class ShadowDetails(ApiStruct, frozen=True):
    """An upstream that has a project of the same name."""

    upstream: str
    version: str | None
    """Its newest version."""
    newer: bool
    """Whether that is newer than the latest version here, so that a client of both would take it."""


class Shadows(ApiStruct, frozen=True):
    """The upstreams that have a project of this name, too. Their files are never mixed in."""

    name: str
    shadows: tuple[ShadowDetails, ...]

    @classmethod
    def of(cls, name: str, own: str | None, found: Iterable[Shadow]) -> "Shadows":
        """Return them; `own` is the latest version here."""
        details = (
            ShadowDetails(
                upstream=each.upstream,
                version=each.version or None,
                newer=bool(each.version) and (own is None or Version(each.version) > Version(own)),
            )
            for each in found
        )
        return cls(name=name, shadows=tuple(details))


class ChangedFiles(ApiStruct, frozen=True):
    """The names of the files that an operation changed."""

    files: tuple[str, ...]

    @classmethod
    def of(cls, files: Iterable[File]) -> "ChangedFiles":
        """Return the names of the files."""
        return cls(files=tuple(file.filename for file in files))


class Yank(ApiStruct, frozen=True):
    """Why installers should no longer choose the files; they show this reason."""

    reason: Reason = ""


class StatusChange(ApiStruct, frozen=True):
    """A status marker of PEP 792, and why."""

    status: Status
    reason: Reason = ""
