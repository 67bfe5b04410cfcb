"""`/api/v1`: the management API. `OPERATIONS` has all of it."""

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

MAX_PAGE_ROWS = 1000
"""The most rows of a list in one answer."""
MAX_QUERY_LENGTH = 200
MAX_QUERY_WORDS = 10


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


class Projects(_Api, frozen=True):
    """A page of a list of projects."""

    projects: tuple[ProjectSummary, ...]
    next: str | None
    """The value of `after` for the next page; null at the end."""


class Changed(_Api, frozen=True):
    """When something was changed, and by which user."""

    at: datetime
    by: str


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


class ChangedFiles(_Api, frozen=True):
    """The names of the files that an operation changed."""

    files: tuple[str, ...]


class Yank(_Api, frozen=True):
    """Why installers should no longer choose the files; they show this reason."""

    reason: Reason = ""


class StatusChange(_Api, frozen=True):
    """A status marker of PEP 792, and why."""

    status: Status
    reason: Reason = ""


async def whoami(call: Call) -> Whoami:
    """Show the user that sent the request."""
    principal = call.catalog.principal
    return Whoami(user=principal.name, groups=principal.groups, verbs=call.catalog.verbs)


async def list_projects(call: Call) -> Projects:
    """List the projects whose name or summary contains all words of `q`, from the one after `after`."""
    words, page = _words(call.query.get("q", "")), _page(call)
    found: list[ProjectEntry] = []
    async for entry in in_turns((await call.catalog.projects()).after(page.after)):
        if _matches(entry, words):
            found.append(entry)
            if len(found) > page.limit:
                break
    summaries = tuple(_summary(entry) for entry in found[: page.limit])
    return Projects(projects=summaries, next=summaries[-1].name if len(found) > page.limit else None)


async def get_project(call: Call) -> ProjectDetails:
    """Show a project."""
    return _project_details((await call.catalog.project(_project(call))).project, _page(call))


async def yank(call: Call) -> ChangedFiles:
    """Yank files: installers then choose them only if they are pinned exactly (PEP 592)."""
    return _changed_files(await call.catalog.yank(_project(call), _selection(call), call.body.reason))


async def unyank(call: Call) -> ChangedFiles:
    """Undo a yank."""
    return _changed_files(await call.catalog.unyank(_project(call), _selection(call)))


async def delete(call: Call) -> ChangedFiles:
    """Delete files permanently: their names can never be used for other content."""
    return _changed_files(await call.catalog.delete(_project(call), _selection(call)))


async def set_status(call: Call) -> ProjectDetails:
    """Set a project's status marker."""
    name = _project(call)
    return _project_details(await call.catalog.set_status(name, call.body.status, call.body.reason), _Page())


def _project(call: Call) -> NormalizedName:
    return parse_project_name(call.path["project"])


def _selection(call: Call) -> Selection:
    version, filename = call.path.get("version"), call.path.get("filename")
    return Selection(None if version is None else parse_version(version), filename)


class _Page(NamedTuple):
    after: str = ""
    limit: int = MAX_PAGE_ROWS


def _page(call: Call) -> _Page:
    after, limit = call.query.get("after", ""), call.query.get("limit", str(MAX_PAGE_ROWS))
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 4 and 0 < int(limit) <= MAX_PAGE_ROWS):
        raise InvalidRequestError(f"`limit` must be a number from 1 to {MAX_PAGE_ROWS}")
    return _Page(after, int(limit))


def _words(query: str) -> Sequence[str]:
    """Return the words of a search, the longest first: it is probably the rarest."""
    words = query[: MAX_QUERY_LENGTH + 1].lower().split()
    if len(query) > MAX_QUERY_LENGTH or len(words) > MAX_QUERY_WORDS:
        raise InvalidRequestError(f"`q` must be at most {MAX_QUERY_WORDS} words and {MAX_QUERY_LENGTH} characters")
    return sorted(set(words), key=len, reverse=True)


def _summary(entry: ProjectEntry) -> ProjectSummary:
    return ProjectSummary(
        name=entry.name, version=entry.version, summary=entry.summary, status=entry.status, files=entry.files
    )


def _matches(entry: ProjectEntry, words: Iterable[str]) -> bool:
    text = f"{entry.name} {entry.summary}".lower()
    return all(word in text for word in words)


def _changed_files(files: Iterable[File]) -> ChangedFiles:
    return ChangedFiles(files=tuple(file.filename for file in files))


def _project_details(project: Project, page: _Page) -> ProjectDetails:
    first = bisect_right(project.by_filename, page.after, key=_filename)
    files = project.by_filename[first : first + page.limit]
    return ProjectDetails(
        name=project.name,
        status=project.status,
        status_reason=project.status_reason,
        status_changed=_change_details(project.status_changed),
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
        yank_changed=_change_details(file.yank_changed),
        findings=tuple(FindingDetails(rule=each.rule, message=each.message) for each in file.findings),
    )


def _change_details(change: Change | None) -> Changed | None:
    return None if change is None else Changed(at=change.at, by=change.by)


_PROJECT = "/api/v1/projects/{project}"
_VERSION = f"{_PROJECT}/versions/{{version}}"
_FILE = f"{_PROJECT}/files/{{filename}}"
_PAGING = {
    "after": "the value of `next` in the page before",
    "limit": f"the maximum number of rows: from 1 to {MAX_PAGE_ROWS}, which is also the default",
}

OPERATIONS = (
    Operation("GET", "/api/v1/whoami", "Show the current user and its permissions", whoami, Whoami),
    Operation(
        "GET",
        "/api/v1/projects",
        "List all projects, or those that match a search",
        list_projects,
        Projects,
        query={"q": f"words that the name or the summary must contain, at most {MAX_QUERY_WORDS}", **_PAGING},
    ),
    Operation("GET", _PROJECT, "Show a project with its files", get_project, ProjectDetails, query=_PAGING),
    Operation("PUT", f"{_VERSION}/yank", "Yank a version", yank, ChangedFiles, Yank),
    Operation("DELETE", f"{_VERSION}/yank", "Undo the yank of a version", unyank, ChangedFiles),
    Operation("PUT", f"{_FILE}/yank", "Yank a file", yank, ChangedFiles, Yank),
    Operation("DELETE", f"{_FILE}/yank", "Undo the yank of a file", unyank, ChangedFiles),
    Operation("DELETE", _PROJECT, "Delete all files of a project permanently", delete, ChangedFiles),
    Operation("DELETE", _VERSION, "Delete a version permanently", delete, ChangedFiles),
    Operation("DELETE", _FILE, "Delete a file permanently", delete, ChangedFiles),
    Operation("PUT", f"{_PROJECT}/status", "Set the status of a project", set_status, ProjectDetails, StatusChange),
)
