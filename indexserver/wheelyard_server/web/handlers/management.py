"""`/api/v1`: what people and their tools do to projects. `OPERATIONS` is the whole of it."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec

from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.projects import ProjectEntry
from wheelyard_server.catalog.turns import in_turns
from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.model import Change, File, Project, Status
from wheelyard_server.names import NormalizedName, parse_project_name, parse_version
from wheelyard_server.web.handlers.operations import Call, Operation

Reason = Annotated[str, msgspec.Meta(max_length=1000)]

PAGE_ROWS = 1000
"""Of a list in one answer."""
QUERY_CHARACTERS = 200
QUERY_WORDS = 10


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
    """A page of a list of projects."""

    projects: tuple[ProjectSummary, ...]
    next: str | None
    """What `after` has to be for the next page; None is the end."""


class Changed(_Api, frozen=True):
    """When something was changed, and by whom."""

    at: datetime
    by: str


class FindingDetails(_Api, frozen=True):
    """A rule that a file breaks although the index took it."""

    rule: str
    """Its name, which never changes."""
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
    """When this index took it."""
    uploader: str
    requires_python: str | None
    yanked: bool
    yanked_reason: str | None
    yank_changed: Changed | None
    """When it was last yanked or unyanked; null where that is not known."""
    findings: tuple[FindingDetails, ...]
    """Rules that the file breaks although the index took it, one of each."""


class ProjectDetails(_Api, frozen=True):
    """A project with a page of its files, by filename."""

    name: str
    status: Status
    status_reason: str
    status_changed: Changed | None
    """When the status was last set; null where that is not known."""
    versions: tuple[str, ...]
    files: tuple[FileDetails, ...]
    next: str | None
    """What `after` has to be for the next page of files; None is the end."""


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
    """List the projects whose name or summary holds all words of `q`, from the one after `after`."""
    words, page = _words(call.query.get("q", "")), _page(call)
    found: list[ProjectEntry] = []
    async for entry in in_turns((await call.catalog.projects()).after(page.after)):
        if _mentions(entry, words):
            found.append(entry)
            if len(found) > page.limit:
                break
    summaries = tuple(_summary(entry) for entry in found[: page.limit])
    return Projects(projects=summaries, next=summaries[-1].name if len(found) > page.limit else None)


async def get_project(call: Call) -> ProjectDetails:
    """Show a project."""
    return _details((await call.catalog.project(_project(call))).project, _page(call))


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
    return _details(await call.catalog.set_status(name, call.body.status, call.body.reason), _Page())


def _project(call: Call) -> NormalizedName:
    return parse_project_name(call.path["project"])


def _selection(call: Call) -> Selection:
    version, filename = call.path.get("version"), call.path.get("filename")
    return Selection(None if version is None else parse_version(version), filename)


class _Page(NamedTuple):
    after: str = ""
    limit: int = PAGE_ROWS


def _page(call: Call) -> _Page:
    after, limit = call.query.get("after", ""), call.query.get("limit", str(PAGE_ROWS))
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 4 and 0 < int(limit) <= PAGE_ROWS):
        raise InvalidRequestError(f"`limit` must be a number from 1 to {PAGE_ROWS}")
    return _Page(after, int(limit))


def _words(query: str) -> Sequence[str]:
    """Return what a search looks for, the longest first: it is the rarest."""
    words = query[: QUERY_CHARACTERS + 1].lower().split()
    if len(query) > QUERY_CHARACTERS or len(words) > QUERY_WORDS:
        raise InvalidRequestError(f"`q` must be at most {QUERY_WORDS} words and {QUERY_CHARACTERS} characters")
    return sorted(set(words), key=len, reverse=True)


def _summary(entry: ProjectEntry) -> ProjectSummary:
    return ProjectSummary(
        name=entry.name, version=entry.version, summary=entry.summary, status=entry.status, files=entry.files
    )


def _mentions(entry: ProjectEntry, words: Iterable[str]) -> bool:
    text = f"{entry.name} {entry.summary}".lower()
    return all(word in text for word in words)


def _names(files: Iterable[File]) -> ChangedFiles:
    return ChangedFiles(files=tuple(file.filename for file in files))


def _details(project: Project, page: _Page) -> ProjectDetails:
    first = bisect_right(project.by_filename, page.after, key=_filename)
    files = project.by_filename[first : first + page.limit]
    return ProjectDetails(
        name=project.name,
        status=project.status,
        status_reason=project.status_reason,
        status_changed=_changed(project.status_changed),
        versions=project.versions,
        files=tuple(_file_details(file) for file in files),
        next=files[-1].filename if first + page.limit < len(project.files) else None,
    )


def _filename(file: File) -> str:
    return file.filename


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
        findings=tuple(FindingDetails(rule=each.rule, message=each.message) for each in file.findings),
    )


def _changed(change: Change | None) -> Changed | None:
    return None if change is None else Changed(at=change.at, by=change.by)


_PROJECT = "/api/v1/projects/{project}"
_VERSION = f"{_PROJECT}/versions/{{version}}"
_FILE = f"{_PROJECT}/files/{{filename}}"
_PAGING = {
    "after": "`next` of the page before",
    "limit": f"how many rows at most: 1 to {PAGE_ROWS}, which is also the default",
}

OPERATIONS = (
    Operation("GET", "/api/v1/whoami", "Who is asking, and what may they do?", whoami, Whoami),
    Operation(
        "GET",
        "/api/v1/projects",
        "All projects, or those that a search finds",
        list_projects,
        Projects,
        query={"q": f"words that the name or the summary must hold, at most {QUERY_WORDS}", **_PAGING},
    ),
    Operation("GET", _PROJECT, "A project with its files", get_project, ProjectDetails, query=_PAGING),
    Operation("PUT", f"{_VERSION}/yank", "Yank a version", yank, ChangedFiles, Yank),
    Operation("DELETE", f"{_VERSION}/yank", "Take back the yank of a version", unyank, ChangedFiles),
    Operation("PUT", f"{_FILE}/yank", "Yank a file", yank, ChangedFiles, Yank),
    Operation("DELETE", f"{_FILE}/yank", "Take back the yank of a file", unyank, ChangedFiles),
    Operation("DELETE", _PROJECT, "Delete all files of a project for ever", delete, ChangedFiles),
    Operation("DELETE", _VERSION, "Delete a version for ever", delete, ChangedFiles),
    Operation("DELETE", _FILE, "Delete a file for ever", delete, ChangedFiles),
    Operation("PUT", f"{_PROJECT}/status", "Set the status of a project", set_status, ProjectDetails, StatusChange),
)
