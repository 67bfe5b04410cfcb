"""Makes pages of templates and facts."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from wheelyard_server.settings.web import WebSettings
from wheelyard_server.web.context import root_url
from wheelyard_server.web.http.headers import matches
from wheelyard_server.web.http.redirects import relative
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
        known = {**self._shared(request), "principal": (await visitor(request)).principal, **facts}
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

    def _shared(self, request: web.Request) -> dict[str, object]:
        """Return what every template may use."""

        def url(path: str) -> str:
            return relative(request, path)

        def asset(name: str) -> str:
            return url(ASSET_PATHS[name])

        def proof(path: str) -> str:
            return form_token(request, path)

        return {
            "index": self.index,
            "form_token": proof,
            "root": root_url(request),
            "url": url,
            "asset": asset,
            "path": request.path,
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
