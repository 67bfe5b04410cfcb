"""`GET /simple/` and `/simple/<project>/`: the simple repository API, which installers read."""

from aiohttp import web

from wheelyard_server.names import parse_project_name
from wheelyard_server.web.context import guarded_catalog
from wheelyard_server.web.negotiation import MediaType, accepts_gzip, choose
from wheelyard_server.web.pages import Page, ProjectPages, root_page

PROJECT_PAGES = web.AppKey("project_pages", ProjectPages)


async def root(request: web.Request) -> web.Response:
    """List the projects that may be read."""
    media_type = _negotiated(request)
    names = await guarded_catalog(request).project_names()
    return _answer(request, root_page(names, media_type))


async def project(request: web.Request) -> web.Response:
    """List the files of a project; other spellings of its name are redirected (PEP 503)."""
    given = request.match_info["project"]
    name = parse_project_name(given)
    if request.path != f"/simple/{name}/":
        raise web.HTTPMovedPermanently(f"/simple/{name}/")
    media_type = _negotiated(request)
    listing = await guarded_catalog(request).project(name)
    return _answer(request, request.app[PROJECT_PAGES].page(listing, media_type))


def _negotiated(request: web.Request) -> MediaType:
    media_type = choose(",".join(request.headers.getall("Accept", [])))
    if media_type is None:
        raise web.HTTPNotAcceptable(text=f"This page is there as {', '.join(MediaType)}\n")
    return media_type


def _answer(request: web.Request, page: Page) -> web.Response:
    gzipped = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    etag = f'"{page.etag}{"-gzip" if gzipped else ""}"'
    headers = {
        "ETag": etag,
        "Vary": "Accept, Accept-Encoding, Authorization",
        # Installers ask every time (and mostly get a 304): what was just published is there for them.
        "Cache-Control": "no-cache",
    }
    if _matches(request.headers.get("If-None-Match", ""), etag):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = f"{page.media_type}; charset=utf-8" if page.media_type.is_html else page.media_type
    if gzipped:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=page.gzipped if gzipped else page.body, headers=headers)


def _matches(if_none_match: str, etag: str) -> bool:
    """Compare weakly, as RFC 9110 section 13.1.2 says for If-None-Match."""
    return any(known.strip().removeprefix("W/") in (etag, "*") for known in if_none_match.split(","))
