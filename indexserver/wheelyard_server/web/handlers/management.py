"""`/api/v1`: the management API. `OPERATIONS` has all of it."""

import asyncio
from collections.abc import Iterable, Sequence

from wheelyard_server.catalog.advisories.state import AdvisoriesState
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.event_loop_turns import in_turns
from wheelyard_server.catalog.projects import ProjectEntry, latest
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.names import NormalizedName, parse_project_name, parse_version
from wheelyard_server.web.handlers.advisories import EXPORT, accept_advisories, get_advisories, load_advisories
from wheelyard_server.web.handlers.decisions import DECISION_OPERATIONS
from wheelyard_server.web.handlers.fetches import FETCH_OPERATIONS
from wheelyard_server.web.handlers.management_schemas import (
    ChangedFiles,
    NameOwner,
    ProjectDetails,
    Projects,
    ProjectSummary,
    Shadows,
    StatusChange,
    Whoami,
    Yank,
)
from wheelyard_server.web.handlers.operations import Call, Operation
from wheelyard_server.web.handlers.paging import PAGING, Page, page_of
from wheelyard_server.web.handlers.plans import PLAN_OPERATIONS
from wheelyard_server.web.handlers.quarantine import QUARANTINE_OPERATIONS
from wheelyard_server.web.handlers.vulnerabilities import VULNERABILITY_OPERATIONS

MAX_QUERY_LENGTH = 200
MAX_QUERY_WORDS = 10


async def whoami(call: Call) -> Whoami:
    """Show the user that sent the request."""
    principal = call.catalog.principal
    return Whoami(user=principal.name, groups=principal.groups, verbs=call.catalog.verbs)


async def list_projects(call: Call) -> Projects:
    """List the projects whose name or summary contains all words of `q`, from the one after `after`.

    They are this index's own, unless `upstream` names where they are mirrored from.
    """
    words, page, upstream = _words(call.query.get("q", "")), page_of(call), call.query.get("upstream")
    projects = await (call.catalog.projects() if upstream is None else call.catalog.mirrored_projects(upstream))
    found: list[ProjectEntry] = []
    async for entry in in_turns(projects.after(page.after)):
        if _matches(entry, words):
            found.append(entry)
            if len(found) > page.limit:
                break
    summaries = tuple(ProjectSummary.of(entry) for entry in found[: page.limit])
    return Projects(projects=summaries, next=summaries[-1].name if len(found) > page.limit else None)


async def get_project(call: Call) -> ProjectDetails:
    """Show a project."""
    return await _page_of(await call.catalog.project(_project(call)), page_of(call))


async def yank(call: Call) -> ChangedFiles:
    """Yank files: installers then choose them only if they are pinned exactly (PEP 592)."""
    return ChangedFiles.of(await call.catalog.yank(_project(call), _selection(call), call.body.reason))


async def unyank(call: Call) -> ChangedFiles:
    """Undo a yank."""
    return ChangedFiles.of(await call.catalog.unyank(_project(call), _selection(call)))


async def delete(call: Call) -> ChangedFiles:
    """Delete files permanently: their names can never be used for other content."""
    return ChangedFiles.of(await call.catalog.delete(_project(call), _selection(call)))


async def set_status(call: Call) -> ProjectDetails:
    """Set a project's status marker."""
    name = _project(call)
    return await _page_of(await call.catalog.set_status(name, call.body.status, call.body.reason), Page())


async def claim(call: Call) -> NameOwner:
    """Make an upstream's project this index's own: the upstream's files are refused from then on."""
    return NameOwner.of(await call.catalog.claim(_project(call)))


async def shadows(call: Call) -> Shadows:
    """Ask the upstreams whether they have a project of this name, too, which its owner should know."""
    name = _project(call)
    found = await call.catalog.shadows(name)
    if not found:
        return Shadows(name=name, shadows=())
    view = await call.catalog.project(name)
    # A version takes some microseconds to parse, and a project may have thousands.
    return Shadows.of(name, await asyncio.to_thread(lambda: latest(view.by_version)), found)


async def release(call: Call) -> NameOwner:
    """Give a name without files of its own back, so that upstreams are asked for it again."""
    return NameOwner.of(await call.catalog.release(_project(call)))


async def refresh(call: Call) -> ProjectDetails:
    """Ask the upstream for the project now, and show it."""
    return await _page_of(await call.catalog.refresh(_project(call)), Page())


def _project(call: Call) -> NormalizedName:
    return parse_project_name(call.path["project"])


def _selection(call: Call) -> Selection:
    version, filename = call.path.get("version"), call.path.get("filename")
    return Selection(None if version is None else parse_version(version), filename)


def _words(query: str) -> Sequence[str]:
    """Return the words of a search, the longest first: it is probably the rarest."""
    words = query[: MAX_QUERY_LENGTH + 1].lower().split()
    if len(query) > MAX_QUERY_LENGTH or len(words) > MAX_QUERY_WORDS:
        raise InvalidRequestError(f"`q` must be at most {MAX_QUERY_WORDS} words and {MAX_QUERY_LENGTH} characters")
    return sorted(set(words), key=len, reverse=True)


def _matches(entry: ProjectEntry, words: Iterable[str]) -> bool:
    text = f"{entry.name} {entry.summary}".lower()
    return all(word in text for word in words)


async def _page_of(view: ProjectView, page: Page) -> ProjectDetails:
    """Return a project with a page of its files."""
    files, following = page.of_files(await view.by_filename())
    return ProjectDetails.of(view, files, following)


_PROJECT = "/api/v1/projects/{project}"
_VERSION = f"{_PROJECT}/versions/{{version}}"
_FILE = f"{_PROJECT}/files/{{filename}}"
_ADVISORIES = "/api/v1/advisories"
OPERATIONS = (
    Operation("GET", "/api/v1/whoami", "Show the current user and its permissions", whoami, Whoami),
    Operation(
        "GET",
        "/api/v1/projects",
        "List all projects, or those that match a search",
        list_projects,
        Projects,
        query={
            "q": f"words that the name or the summary must contain, at most {MAX_QUERY_WORDS}",
            "upstream": "list the projects that are mirrored from this upstream, or from any if it is *",
            **PAGING,
        },
    ),
    Operation("GET", _PROJECT, "Show a project with its files", get_project, ProjectDetails, query=PAGING),
    Operation("PUT", f"{_VERSION}/yank", "Yank a version", yank, ChangedFiles, Yank),
    Operation("DELETE", f"{_VERSION}/yank", "Undo the yank of a version", unyank, ChangedFiles),
    Operation("PUT", f"{_FILE}/yank", "Yank a file", yank, ChangedFiles, Yank),
    Operation("DELETE", f"{_FILE}/yank", "Undo the yank of a file", unyank, ChangedFiles),
    Operation("DELETE", _PROJECT, "Delete all files of a project permanently", delete, ChangedFiles),
    Operation("DELETE", _VERSION, "Delete a version permanently", delete, ChangedFiles),
    Operation("DELETE", _FILE, "Delete a file permanently", delete, ChangedFiles),
    Operation("PUT", f"{_PROJECT}/status", "Set the status of a project", set_status, ProjectDetails, StatusChange),
    Operation(
        "POST", f"{_PROJECT}/claim", "Claim the name of an upstream's project for this index", claim, NameOwner
    ),
    Operation("GET", f"{_PROJECT}/shadows", "Show the upstreams that have this name, too", shadows, Shadows),
    Operation("POST", f"{_PROJECT}/release", "Give a name without files back to the upstreams", release, NameOwner),
    Operation("GET", _ADVISORIES, "Show the state of the advisories", get_advisories, AdvisoriesState),
    Operation(
        "PUT",
        _ADVISORIES,
        "Put an export in force",
        load_advisories,
        AdvisoriesState,
        EXPORT,
        query={"accept": "true: also if it lacks more than a tenth of the records in force"},
    ),
    Operation(
        "POST",
        f"{_ADVISORIES}/accept",
        "Let the feed take away the records that it lacks",
        accept_advisories,
        AdvisoriesState,
    ),
    Operation("POST", f"{_PROJECT}/refresh", "Ask the upstream for a project now", refresh, ProjectDetails),
    *FETCH_OPERATIONS,
    *PLAN_OPERATIONS,
    *VULNERABILITY_OPERATIONS,
    *QUARANTINE_OPERATIONS,
    *DECISION_OPERATIONS,
)
