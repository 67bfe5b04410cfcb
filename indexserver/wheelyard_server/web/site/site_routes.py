"""All paths of the pages for people."""

from collections.abc import Iterable, Iterator

from aiohttp import web

from wheelyard_server.web.http.redirects import moved_permanently
from wheelyard_server.web.site import manage, single_sign_on
from wheelyard_server.web.site.access import access
from wheelyard_server.web.site.advisories import advisories
from wheelyard_server.web.site.assets import ASSETS, asset
from wheelyard_server.web.site.changes import changes
from wheelyard_server.web.site.downloads import download
from wheelyard_server.web.site.files import files, files_of_version
from wheelyard_server.web.site.home import home
from wheelyard_server.web.site.login import log_in, log_out, login_page
from wheelyard_server.web.site.policy import policy
from wheelyard_server.web.site.project import project, version
from wheelyard_server.web.site.projects import projects
from wheelyard_server.web.site.statistics import statistics
from wheelyard_server.web.site.upstreams import upstreams
from wheelyard_server.web.site.versions import versions

_MANAGE = "/project/{project}/manage/"
_PAGES = [
    web.get("/", home),
    web.get("/projects/", projects),
    web.get("/access/", access),
    web.get("/upstreams/", upstreams),
    web.get("/advisories/", advisories),
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
    web.get("/project/{project}/", project),
    web.get("/project/{project}/files/", files),
    web.get("/project/{project}/versions/", versions),
    web.get("/project/{project}/history/", changes),
    web.get("/project/{project}/policy/", policy),
    web.get("/project/{project}/statistics/", statistics),
    web.get("/project/{project}/download/{sha256}/{filename}", download),
    web.get("/project/{project}/{version}/files/", files_of_version),
    web.get("/project/{project}/{version}/", version),
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
