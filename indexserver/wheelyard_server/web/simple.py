"""`GET /simple/` and `/simple/<project>/`: the simple repository API, which installers read."""

from aiohttp import web

from wheelyard_server.names import parse_project_name
from wheelyard_server.web.context import guarded_catalog, origin
from wheelyard_server.web.headers import matches
from wheelyard_server.web.negotiation import Encoding, MediaType, choose, choose_encoding
from wheelyard_server.web.pages import Page, ProjectPages, root_page

PROJECT_PAGES = web.AppKey("project_pages", ProjectPages)


async def root(request: web.Request) -> web.Response:
    """List the projects that may be read."""
    media_type = _negotiated(request)
    projects = await guarded_catalog(request).projects()
    return _answer(request, root_page([project.name for project in projects], media_type))


async def project(request: web.Request) -> web.Response:
    """List the files of a project; other spellings of its name are redirected (PEP 503)."""
    given = request.match_info["project"]
    name = parse_project_name(given)
    if request.path != f"/simple/{name}/":
        raise web.HTTPMovedPermanently(f"/simple/{name}/")
    media_type = _negotiated(request)
    listing = await guarded_catalog(request).project(name)
    page = request.app[PROJECT_PAGES].page(listing, media_type, origin(request))
    return _answer(request, page, listing.stale_seconds)


def _negotiated(request: web.Request) -> MediaType:
    media_type = choose(",".join(request.headers.getall("Accept", [])))
    if media_type is None:
        raise web.HTTPNotAcceptable(text=f"This page is there as {', '.join(MediaType)}\n")
    return media_type


def _answer(request: web.Request, page: Page, stale_seconds: float | None = None) -> web.Response:
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
    etag = f'"{page.etag}-{encoding}"'
    headers = {
        "ETag": etag,
        "Vary": "Accept, Accept-Encoding, Authorization",
        # Installers ask every time (and mostly get a 304): what was just published is there for them.
        "Cache-Control": "no-cache",
    }
    if stale_seconds is not None:
        # RFC 9211: served from memory, and out of date for so long.
        headers["Cache-Status"] = f'Wheelyard; hit; ttl=-{stale_seconds:.0f}; detail="the storage does not answer"'
    if matches(request, etag):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = f"{page.media_type}; charset=utf-8" if page.media_type.is_html else page.media_type
    if encoding is not Encoding.IDENTITY:
        headers["Content-Encoding"] = encoding
    return web.Response(body=page.encoded(encoding), headers=headers)
