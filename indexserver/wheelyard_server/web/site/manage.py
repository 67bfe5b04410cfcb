"""`/project/<project>/manage/`: yank, unyank, set the status and delete, for people with these rights.

The guarded catalog checks each right again when a form is sent, as for the management API.
"""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlencode

from aiohttp import hdrs, web
from multidict import MultiMapping

from wheelyard_server.access.audit import AuditVerb
from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.edits import Selection
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import ForbiddenError, InvalidRequestError, UnauthenticatedError, WheelyardError
from wheelyard_server.model import File
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName, parse_project_name, parse_version, version_key
from wheelyard_server.web.context import RECORD
from wheelyard_server.web.error_statuses import status_of
from wheelyard_server.web.http.headers import NO_STORE
from wheelyard_server.web.http.redirects import relative
from wheelyard_server.web.site.deletions import Deletion, fetched_lately
from wheelyard_server.web.site.forms import own_form
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.visitors import visitor

MAX_VERSIONS = 50
"""Versions that one form may change."""
SHOWN_VERSIONS = 1000
"""Versions on the page, the newest first; the API changes the others."""
MAX_REASON_LENGTH = 1000
"""As in the management API."""
_VERBS = (Verb.YANK, Verb.DELETE, Verb.MANAGE)
_WORDS = {
    "yanked": "Yanked: installers choose these files only if they are pinned exactly",
    "unyanked": "No longer yanked",
    "status": "The status is set",
}
"""What a page says after a form was sent and everything was done, by the `done` of its URL."""

_Change = Callable[[GuardedCatalog, NormalizedName, Selection], Awaitable[Sequence[File]]]


class Managed(NamedTuple):
    """A project, and the catalog as the visitor may use it."""

    catalog: GuardedCatalog
    name: NormalizedName
    view: ProjectView


class VersionRow(NamedTuple):
    """A version on the page."""

    version: str
    files: int
    yanked: str | None
    """The reason of the first yanked file; None if no file is yanked."""


class Outcome(NamedTuple):
    """What a form has done to a version."""

    version: str
    filenames: tuple[str, ...] = ()
    fault: str = ""
    status: int = HTTPStatus.OK


async def manage(request: web.Request) -> web.Response:
    """Show the forms that the visitor may send."""
    return await _page(request, await _managed(request), _WORDS.get(request.query.get("done", ""), ""))


async def yank(request: web.Request) -> web.Response:
    """Yank the selected versions."""
    request[RECORD].verb = AuditVerb.YANK
    fields = await own_form(request, _path(_name(request)))
    reason = _reason(fields)

    async def change(catalog: GuardedCatalog, name: NormalizedName, selection: Selection) -> Sequence[File]:
        return await catalog.yank(name, selection, reason)

    return await _change(request, _versions(fields), change, "yanked")


async def unyank(request: web.Request) -> web.Response:
    """Undo the yank of the selected versions."""
    request[RECORD].verb = AuditVerb.UNYANK
    fields = await own_form(request, _path(_name(request)))

    async def change(catalog: GuardedCatalog, name: NormalizedName, selection: Selection) -> Sequence[File]:
        return await catalog.unyank(name, selection)

    return await _change(request, _versions(fields), change, "unyanked")


async def set_status(request: web.Request) -> web.Response:
    """Set the project's status marker."""
    request[RECORD].verb = AuditVerb.STATUS
    fields = await own_form(request, _path(_name(request)))
    try:
        status = Status(fields.get("status", ""))
    except ValueError:
        raise InvalidRequestError(f"The status is one of {', '.join(Status)}") from None
    await (await visitor(request)).set_status(_name(request), status, _reason(fields))
    return _to(request, _path(_name(request)), "status")


async def ask_to_delete(request: web.Request) -> web.Response:
    """Show what breaks if the selected versions are deleted, and ask for the proof that it is meant."""
    return await _ask(request, _versions(request.query))


async def delete(request: web.Request) -> web.Response:
    """Delete the selected versions if they were typed; else ask for that."""
    request[RECORD].verb = AuditVerb.DELETE
    name = _name(request)
    fields = await own_form(request, _path(name))
    deletion = Deletion(name, _versions(fields))
    if "typed" not in fields:  # The form of the page before, which asks for this one.
        request[RECORD].verb = AuditVerb.READ
        return await _ask(request, deletion.versions)
    if fields["typed"].strip() != deletion.to_type:
        return await _ask(request, deletion.versions, f"Type {deletion.to_type} to delete. Nothing was deleted")

    async def change(catalog: GuardedCatalog, name: NormalizedName, selection: Selection) -> Sequence[File]:
        return await catalog.delete(name, selection)

    return await _change(request, deletion.versions, change, "")


async def _ask(request: web.Request, versions: Sequence[str], fault: str = "") -> web.Response:
    catalog, name, view = await _managed(request, Verb.DELETE)
    deletion = Deletion(name, versions)
    files = [file for version in versions for file in view.project.by_version.get(version_key(version), ())]
    if not files:
        raise InvalidRequestError(f"None of these versions of {name} has a file: choose others")
    return await request.app[SITE].page(
        request,
        "delete.html",
        HTTPStatus.BAD_REQUEST if fault else HTTPStatus.OK,
        name=name,
        place=_path(name),
        deletion=deletion,
        files=files,
        fault=fault,
        may_yank=catalog.may(Verb.YANK, name),
        fetched=await fetched_lately(catalog, deletion),
    )


async def _change(request: web.Request, versions: Sequence[str], change: _Change, done: str) -> web.Response:
    """Change each version for itself, and lead back to the page; if some fail, show what became of each."""
    catalog, name = await visitor(request), _name(request)
    outcomes = [await _outcome(catalog, name, version, change) for version in versions]
    request[RECORD].files = tuple(filename for each in outcomes for filename in each.filenames)
    if any(each.fault for each in outcomes):
        return await _page(request, Managed(catalog, name, await catalog.known_project(name)), "", outcomes)
    return _to(request, _path(name), done) if done else _to(request, "/projects/")


async def _outcome(catalog: GuardedCatalog, name: NormalizedName, version: str, change: _Change) -> Outcome:
    try:
        files = await change(catalog, name, Selection(parse_version(version)))
    except UnauthenticatedError:
        raise
    except WheelyardError as error:
        return Outcome(version, (), str(error), status_of(error))
    return Outcome(version, tuple(file.filename for file in files))


async def _managed(request: web.Request, *verbs: Verb) -> Managed:
    """Return the project if the visitor may do one of these verbs to it; without verbs, any of the page."""
    catalog, name = await visitor(request), _name(request)
    view = await catalog.known_project(name)
    if not any(catalog.may(each, name) for each in verbs or _VERBS):
        if catalog.principal.is_anonymous:
            raise UnauthenticatedError(f"Log in to change the project {name}")
        words = " or ".join(verbs or _VERBS)
        raise ForbiddenError(f"The user {catalog.principal} has no permission to {words} the project {name}")
    return Managed(catalog, name, view)


async def _page(
    request: web.Request, managed: Managed, done: str, outcomes: Sequence[Outcome] = ()
) -> web.Response:
    catalog, name, view = managed
    rows = version_rows(view)
    fault = next((each.status for each in outcomes if each.fault), HTTPStatus.OK)
    return await request.app[SITE].page(
        request,
        "manage.html",
        HTTPStatus(fault),
        name=name,
        place=_path(name),
        upstream=view.project.owner,
        rows=rows[:SHOWN_VERSIONS],
        hidden=max(0, len(rows) - SHOWN_VERSIONS),
        may={verb.value: catalog.may(verb, name) for verb in _VERBS},
        statuses=tuple(Status),
        marker=view.project.status,
        reason=view.project.status_reason,
        limits={"reason": MAX_REASON_LENGTH, "versions": MAX_VERSIONS},
        done=done,
        outcomes=outcomes,
    )


def version_rows(view: ProjectView) -> Sequence[VersionRow]:
    """Return the versions of a project's own files, the newest first."""
    rows = [
        VersionRow(
            files[0].version, len(files), next((each.yanked for each in files if each.yanked is not None), None)
        )
        for files in view.project.by_version.values()
    ]
    return sorted(rows, key=lambda row: parse_version(row.version), reverse=True)


def _name(request: web.Request) -> NormalizedName:
    return parse_project_name(request.match_info["project"])


def _path(name: str) -> str:
    return f"/project/{name}/manage/"


def _versions(fields: MultiMapping[str]) -> Sequence[str]:
    """Return the versions that a form selects, each once, in their canonical form."""
    given = fields.getall("version", [])
    if not given or len(given) > MAX_VERSIONS:
        raise InvalidRequestError(f"Select from 1 to {MAX_VERSIONS} versions")
    return tuple(dict.fromkeys(str(parse_version(each)) for each in given))


def _reason(fields: MultiMapping[str]) -> str:
    reason = fields.get("reason", "").strip()
    if len(reason) > MAX_REASON_LENGTH or not (reason.isprintable() or not reason):
        raise InvalidRequestError(f"A reason is one line of at most {MAX_REASON_LENGTH} characters")
    return reason


def _to(request: web.Request, path: str, done: str = "") -> web.Response:
    query = f"?{urlencode({'done': done})}" if done else ""
    headers = {hdrs.LOCATION: f"{relative(request, path)}{query}", hdrs.CACHE_CONTROL: NO_STORE}
    return web.Response(status=HTTPStatus.SEE_OTHER, headers=headers)
