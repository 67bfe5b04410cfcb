"""The project that a page is about, as it is known here: no page asks an upstream."""

from typing import NamedTuple

from aiohttp import web

from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.web.http.redirects import moved_permanently
from wheelyard_server.web.site import words
from wheelyard_server.web.site.visitors import visitor


class Known(NamedTuple):
    """A project, and the catalog as the visitor may use it."""

    name: NormalizedName
    catalog: GuardedCatalog
    view: ProjectView

    @property
    def is_managed(self) -> bool:
        """Return whether the visitor may change anything of the project."""
        return any(self.catalog.may(verb, self.name) for verb in (Verb.YANK, Verb.DELETE, Verb.MANAGE))

    @property
    def confirmed(self) -> str:
        """Return when the upstream last confirmed a mirrored project; "" for this index's own."""
        confirmed = self.catalog.confirmed(self.view)
        return "" if confirmed is None else words.minute(confirmed)


async def known_project(request: web.Request) -> Known:
    """Return the project that the path names; other spellings of its name are redirected."""
    name = project_name(request)
    catalog = await visitor(request)
    return Known(name, catalog, await catalog.known_project(name))


def project_name(request: web.Request) -> NormalizedName:
    """Return the normalized name in the path; raise the redirect to it from another spelling."""
    given = request.match_info["project"]
    name = parse_project_name(given)
    if given != name:
        query = f"?{request.query_string}" if request.query_string else ""
        rest = request.path.removeprefix(f"/project/{given}")
        raise moved_permanently(request, f"/project/{name}{rest}{query}")
    return name


def sentence_about_source(known: Known) -> str:
    """Return the sentence about the upstream of a mirrored project; "" for this index's own."""
    return source(known.view.project.owner, known.confirmed)


def source(upstream: str, confirmed: str) -> str:
    """Return the sentence about an upstream; "" if nothing was confirmed, since there is none."""
    return f"Mirrored from the upstream {upstream}, which last confirmed it on {confirmed}" if confirmed else ""
