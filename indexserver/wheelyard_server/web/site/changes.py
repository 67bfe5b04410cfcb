"""`GET /project/<project>/history/`: what happened to a project and its files, the last first."""

from typing import NamedTuple

from aiohttp import web

from wheelyard_server.catalog.history import Event, EventKind, history
from wheelyard_server.web.pages.rendering import RenderingQueue
from wheelyard_server.web.site import words
from wheelyard_server.web.site.known_projects import known_project, sentence_about_source
from wheelyard_server.web.site.projects import ROWS, links, page_number
from wheelyard_server.web.site.site import SITE

_RENDERING = RenderingQueue()
_DETAILS = {EventKind.PROMOTED: "from {}", EventKind.MIRRORED: "from the upstream {}"}
"""How details are said; those of other kinds are reasons."""


class EventRow(NamedTuple):
    """An event as the page shows it."""

    at: str
    kind: str
    subject: str
    """The file; "" if it is about the project."""
    by: str
    details: str


async def changes(request: web.Request) -> web.Response:
    """Show the events of a project."""
    known, number = await known_project(request), page_number(request)
    project = known.view.project
    events = await _RENDERING(lambda: history(project), len(project.files) + len(project.deleted))
    return await request.app[SITE].page(
        request,
        "project_history.html",
        name=known.name,
        is_managed=known.is_managed,
        source=sentence_about_source(known),
        events=[row(each) for each in events[(number - 1) * ROWS : number * ROWS]],
        links=links("", number, len(events)),
    )


def row(event: Event) -> EventRow:
    """Return an event as the page shows it."""
    details = _DETAILS.get(event.kind, "{}").format(event.details) if event.details else ""
    return EventRow(
        words.minute(event.at), event.kind, words.line(event.filename), words.line(event.by), words.line(details)
    )
