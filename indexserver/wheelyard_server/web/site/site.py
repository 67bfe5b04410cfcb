"""Makes pages of templates and facts."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from wheelyard_server.access.rules import Verb
from wheelyard_server.settings.web import WebSettings
from wheelyard_server.web.context import root_url
from wheelyard_server.web.http.headers import matches
from wheelyard_server.web.http.redirects import relative_from
from wheelyard_server.web.pages.negotiation import Encoding
from wheelyard_server.web.pages.representation import Representation, encoding_for
from wheelyard_server.web.site.assets import ASSET_PATHS
from wheelyard_server.web.site.forms import form_token
from wheelyard_server.web.site.page_headers import page_headers
from wheelyard_server.web.site.visitors import visitor

HTML = "text/html; charset=utf-8"


class Site:
    """The pages of one index."""

    def __init__(self, settings: WebSettings, index: str = "") -> None:
        """`index` is `<namespace>/<name>`, or "" if it has no name."""
        self.settings = settings
        self.index = index
        self.headers = page_headers(images=settings.images)
        self._templates = _templates()

    async def page(
        self, request: web.Request, template: str, status: HTTPStatus = HTTPStatus.OK, **facts: object
    ) -> web.Response:
        """Return the page that a template makes of facts, for the visitor of this request."""
        catalog = await visitor(request)
        shared = self.shared(root_url(request), request.path, partial(form_token, request))
        head = {"principal": catalog.principal, "manages_all": catalog.may_all(Verb.MANAGE)}
        known = {**shared, **head, **facts}
        return self.answer(request, self.rendered(template, known), status)

    def rendered(self, template: str, facts: Mapping[str, Any]) -> Representation:
        """Return what a template makes of facts."""
        return Representation(self._templates[template].render(facts).encode(), HTML)

    def answer(
        self, request: web.Request, page: Representation, status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        """Return a page as the answer, or a 304 if the browser has it."""
        encoding = encoding_for(request)
        headers = {**self.headers, "ETag": page.etag(encoding)}
        if status is HTTPStatus.OK and matches(request, headers["ETag"]):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        headers["Content-Type"] = page.content_type
        if encoding is not Encoding.IDENTITY:
            headers["Content-Encoding"] = encoding
        return web.Response(body=page.body_in(encoding), status=status, headers=headers)

    def shared(self, root: str, page: str, proof: Callable[[str], str]) -> dict[str, object]:
        """Return what every template may use, for the page at a path of the index at `root`.

        `proof` returns the token of the visitor's form that goes to a path.
        """

        def url(path: str) -> str:
            return relative_from(page, path)

        def asset(name: str) -> str:
            return url(ASSET_PATHS[name])

        return {
            "index": self.index,
            "form_token": proof,
            "root": root,
            "url": url,
            "asset": asset,
            "path": page,
        }


@cache
def _templates() -> Mapping[str, Template]:
    """Return all templates by their filenames: none is compiled while a client waits."""
    made = Environment(
        loader=PackageLoader("wheelyard_server.web.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return {name: made.get_template(name) for name in made.list_templates()}


SITE = web.AppKey("site", Site)
