"""`GET /simple/` and `/simple/<project>/`: the simple repository API, for installers."""

from aiohttp import web

from wheelyard_server.names import parse_project_name
from wheelyard_server.web.context import HAS_SITE, guarded_catalog, root_url
from wheelyard_server.web.http.navigation import is_navigation
from wheelyard_server.web.http.redirects import moved_permanently, relative
from wheelyard_server.web.pages.negotiation import MediaType, choose
from wheelyard_server.web.pages.representation import answer, encoding_for
from wheelyard_server.web.pages.simple_pages import ProjectPages, RootPages

ROOT_PAGES = web.AppKey("root_pages", RootPages)
_ROOT = "/simple/"
PROJECT_PAGES = web.AppKey("project_pages", ProjectPages)


async def root(request: web.Request) -> web.Response:
    """List the projects that may be read."""
    catalog = await guarded_catalog(request)
    media_type = _negotiate(request)
    listing = await catalog.projects_for_mirrors()
    return answer(request, await request.app[ROOT_PAGES].page(listing, media_type, encoding_for(request)))


async def project(request: web.Request) -> web.Response:
    """List the files of a project; other spellings of its name are redirected (PEP 503)."""
    given = request.match_info["project"]
    name = parse_project_name(given)
    if request.path != _page(name):
        raise moved_permanently(request, _page(name))
    catalog = await guarded_catalog(request)
    media_type = _negotiate(request)
    view = await catalog.page(name)
    pages, encoding, root = request.app[PROJECT_PAGES], encoding_for(request), root_url(request)
    if media_type is MediaType.TEXT_HTML and request.app[HAS_SITE] and is_navigation(request):
        link = relative(request, f"/project/{name}/")
        return answer(request, await pages.page_for_people(view, encoding, root, link), view.caveat)
    return answer(request, await pages.page(view, media_type, encoding, root), view.caveat)


async def filenames(request: web.Request) -> web.Response:
    """List a project's filenames for hatch, which reads only the texts of links and follows no redirects."""
    view = await (await guarded_catalog(request)).page(parse_project_name(request.match_info["project"]))
    link = relative(request, _page(view.project.name))
    page = await request.app[PROJECT_PAGES].filenames(view, encoding_for(request), link)
    return answer(request, page, view.caveat)


async def to_root(request: web.Request) -> web.Response:
    """Redirect to the list of projects, also from pypicloud's path of it."""
    raise moved_permanently(request, _ROOT)


async def to_project(request: web.Request) -> web.Response:
    """Redirect to a project's page, for index URLs without `/simple/`, as with pypiserver."""
    raise moved_permanently(request, _page(parse_project_name(request.match_info["project"])))


async def to_project_or_root(request: web.Request) -> web.Response:
    """Redirect from an upload URL that may also be the path of a project of this name; see `to_project`."""
    name = parse_project_name(request.path.strip("/"))
    raise moved_permanently(request, _page(name) if await (await guarded_catalog(request)).has(name) else _ROOT)


def _page(name: str) -> str:
    return f"{_ROOT}{name}/"


def _negotiate(request: web.Request) -> MediaType:
    media_type = choose(",".join(request.headers.getall("Accept", [])))
    if media_type is None:
        raise web.HTTPNotAcceptable(text=f"This page is available as {', '.join(MediaType)}\n")
    return media_type
