"""`/api/v1`: what people and their tools do to projects. `OPERATIONS` is the whole of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import msgspec

from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.project_list import ProjectEntry
from wheelyard_server.model import Change, File, Project, Status
from wheelyard_server.names import NormalizedName, parse_project_name, parse_version
from wheelyard_server.web.operations import Call, Operation

Reason = Annotated[str, msgspec.Meta(max_length=1000)]


class _Api(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class Whoami(_Api, frozen=True):
    """Who is asking, and what that user may do to at least some projects."""

    user: str | None
    """None is anonymous."""
    groups: tuple[str, ...]
    verbs: tuple[Verb, ...]


class ProjectSummary(_Api, frozen=True):
    """A project in a list."""

    name: str
    version: str | None
    """The latest one."""
    summary: str
    status: Status
    files: int


class Projects(_Api, frozen=True):
    """Projects by name."""

    projects: tuple[ProjectSummary, ...]


class Changed(_Api, frozen=True):
    """When something was changed, and by whom."""

    at: datetime
    by: str


class FileDetails(_Api, frozen=True):
    """A file of a project."""

    filename: str
    version: str
    size: int
    sha256: str
    upload_time: datetime
    """When the file was first published."""
    added: datetime
    """When this index took it."""
    uploader: str
    requires_python: str | None
    yanked: bool
    yanked_reason: str | None
    yank_changed: Changed | None
    """When it was last yanked or unyanked; null where that is not known."""


class ProjectDetails(_Api, frozen=True):
    """A project with all its files."""

    name: str
    status: Status
    status_reason: str
    status_changed: Changed | None
    """When the status was last set; null where that is not known."""
    versions: tuple[str, ...]
    files: tuple[FileDetails, ...]


class ChangedFiles(_Api, frozen=True):
    """The names of the files that an operation was about."""

    files: tuple[str, ...]


class Yank(_Api, frozen=True):
    """Why files should not be chosen any more; installers show it."""

    reason: Reason = ""


class StatusChange(_Api, frozen=True):
    """A status marker of PEP 792, and why."""

    status: Status
    reason: Reason = ""


async def whoami(call: Call) -> Whoami:
    """Tell who is asking."""
    principal = call.catalog.principal
    return Whoami(user=principal.name, groups=principal.groups, verbs=call.catalog.verbs)


async def list_projects(call: Call) -> Projects:
    """List the projects whose name or summary holds all words of `q`."""
    words = call.query.get("q", "").lower().split()
    found = [each for each in await call.catalog.projects() if _mentions(each, words)]
    summaries = (
        ProjectSummary(
            name=each.name, version=each.version, summary=each.summary, status=each.status, files=each.files
        )
        for each in found
    )
    return Projects(projects=tuple(summaries))


async def get_project(call: Call) -> ProjectDetails:
    """Show a project."""
    return _details((await call.catalog.project(_project(call))).project)


async def yank(call: Call) -> ChangedFiles:
    """Yank files: installers take them only where nothing else will do (PEP 592)."""
    return _names(await call.catalog.yank(_project(call), _selection(call), call.body.reason))


async def unyank(call: Call) -> ChangedFiles:
    """Take a yank back."""
    return _names(await call.catalog.unyank(_project(call), _selection(call)))


async def delete(call: Call) -> ChangedFiles:
    """Delete files for ever: their names never come back with other content."""
    return _names(await call.catalog.delete(_project(call), _selection(call)))


async def set_status(call: Call) -> ProjectDetails:
    """Set a project's status marker."""
    name = _project(call)
    return _details(await call.catalog.set_status(name, call.body.status, call.body.reason))


def _project(call: Call) -> NormalizedName:
    return parse_project_name(call.path["project"])


def _selection(call: Call) -> Selection:
    version, filename = call.path.get("version"), call.path.get("filename")
    return Selection(None if version is None else parse_version(version), filename)


def _mentions(entry: ProjectEntry, words: Iterable[str]) -> bool:
    text = f"{entry.name} {entry.summary}".lower()
    return all(word in text for word in words)


def _names(files: Iterable[File]) -> ChangedFiles:
    return ChangedFiles(files=tuple(file.filename for file in files))


def _details(project: Project) -> ProjectDetails:
    return ProjectDetails(
        name=project.name,
        status=project.status,
        status_reason=project.status_reason,
        status_changed=_changed(project.status_changed),
        versions=project.versions,
        files=tuple(_file_details(file) for file in project.files),
    )


def _file_details(file: File) -> FileDetails:
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
        yank_changed=_changed(file.yank_changed),
    )


def _changed(change: Change | None) -> Changed | None:
    return None if change is None else Changed(at=change.at, by=change.by)


_PROJECT = "/api/v1/projects/{project}"
_VERSION = f"{_PROJECT}/versions/{{version}}"
_FILE = f"{_PROJECT}/files/{{filename}}"

OPERATIONS = (
    Operation("GET", "/api/v1/whoami", "Who is asking, and what may they do?", whoami, Whoami),
    Operation(
        "GET",
        "/api/v1/projects",
        "All projects, or those that a search finds",
        list_projects,
        Projects,
        query={"q": "words that the name or the summary must hold"},
    ),
    Operation("GET", _PROJECT, "A project with its files", get_project, ProjectDetails),
    Operation("PUT", f"{_VERSION}/yank", "Yank a version", yank, ChangedFiles, Yank),
    Operation("DELETE", f"{_VERSION}/yank", "Take back the yank of a version", unyank, ChangedFiles),
    Operation("PUT", f"{_FILE}/yank", "Yank a file", yank, ChangedFiles, Yank),
    Operation("DELETE", f"{_FILE}/yank", "Take back the yank of a file", unyank, ChangedFiles),
    Operation("DELETE", _PROJECT, "Delete all files of a project for ever", delete, ChangedFiles),
    Operation("DELETE", _VERSION, "Delete a version for ever", delete, ChangedFiles),
    Operation("DELETE", _FILE, "Delete a file for ever", delete, ChangedFiles),
    Operation("PUT", f"{_PROJECT}/status", "Set the status of a project", set_status, ProjectDetails, StatusChange),
)
