"""All paths of the pages for people."""

from collections.abc import Iterable, Iterator

from aiohttp import web

from wheelyard_server.web.http.redirects import moved_permanently
from wheelyard_server.web.site import manage, single_sign_on
from wheelyard_server.web.site.access import access
from wheelyard_server.web.site.assets import ASSETS, asset
from wheelyard_server.web.site.home import home
from wheelyard_server.web.site.login import log_in, log_out, login_page
from wheelyard_server.web.site.projects import projects

_MANAGE = "/project/{project}/manage/"
_PAGES = [
    web.get("/", home),
    web.get("/projects/", projects),
    web.get("/access/", access),
    web.get("/login/", login_page),
    web.post("/login/", log_in),
    web.get("/login/oidc/", single_sign_on.begin),
    web.get("/login/oidc/callback/", single_sign_on.callback),
    web.post("/logout/", log_out),
    web.get(f"{_MANAGE}", manage.manage),
    web.get(f"{_MANAGE}delete/", manage.ask_to_delete),
    web.post(f"{_MANAGE}delete/", manage.delete),
    web.post(f"{_MANAGE}yank/", manage.yank),
    web.post(f"{_MANAGE}unyank/", manage.unyank),
    web.post(f"{_MANAGE}status/", manage.set_status),
]


async def to_slash(request: web.Request) -> web.Response:
    """Redirect to the same path with a slash at its end, where the page is."""
    query = f"?{request.query_string}" if request.query_string else ""
    raise moved_permanently(request, f"{request.path}/{query}")


def _without_slash(pages: Iterable[web.RouteDef]) -> Iterator[web.RouteDef]:
    for page in pages:
        if page.method == "GET" and page.path != "/" and page.path.endswith("/"):
            yield web.get(page.path.removesuffix("/"), to_slash)


SITE_ROUTES = [*_PAGES, *_without_slash(_PAGES), web.get(f"{ASSETS}{{sha256}}/{{filename}}", asset)]
PAGE_HANDLERS = frozenset(each.handler for each in _PAGES)
"""The handlers whose errors are pages."""
