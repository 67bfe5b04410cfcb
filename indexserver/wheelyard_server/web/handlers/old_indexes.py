"""`GET /<project>/` and `/<project>/json`: paths of projects in indexes such as pypiserver.

Clients with such index URLs keep working. A name that is `RESERVED` is a path of the index itself.
"""

from aiohttp import web

from wheelyard_server.errors import NotFoundError
from wheelyard_server.names import NormalizedName, parse_project_name
from wheelyard_server.web.context import HAS_SITE
from wheelyard_server.web.handlers import json_api, simple
from wheelyard_server.web.http.navigation import is_navigation
from wheelyard_server.web.http.redirects import relative
from wheelyard_server.web.http.reserved import RESERVED


async def to_project(request: web.Request) -> web.Response:
    """Redirect an installer to the project's page of the simple API, and a person to the page for people."""
    name = _project(request)
    if request.app[HAS_SITE] and is_navigation(request):
        # No cache may keep it: an installer gets another redirect.
        raise web.HTTPFound(relative(request, f"/project/{name}/"), headers={"Vary": "Sec-Fetch-Mode"})
    return await simple.to_project(request)


async def project_json(request: web.Request) -> web.Response:
    """Describe a project; see `json_api.project_beside_pages`."""
    _project(request)
    return await json_api.project_beside_pages(request)


def _project(request: web.Request) -> NormalizedName:
    name = parse_project_name(request.match_info["project"])
    if name in RESERVED:
        raise NotFoundError(
            f"/{name}/ is a path of the index itself; the project of this name is at /simple/{name}/"
        )
    return name
