"""The stylesheet, the script and the icon of the pages, under names that change with their content."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from aiohttp import web

from wheelyard_server.errors import NotFoundError
from wheelyard_server.web.pages.negotiation import Encoding
from wheelyard_server.web.pages.representation import Representation, encoding_for

ASSETS = "/_/site/"
"""The beginning of their paths."""
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"
"""The name of an asset never gets other content."""


def _asset_paths() -> Mapping[str, str]:
    return MappingProxyType({name: f"{ASSETS}{_digest(body)}/{name}" for name, body in _bodies().items()})


def _bodies() -> Mapping[str, bytes]:
    folder = files("wheelyard_server.web.site") / "static"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.name.rpartition(".")[2] in _TYPES}


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


ASSET_PATHS = _asset_paths()
"""The path of each asset, by its filename."""
_ANSWERS = {
    ASSET_PATHS[name]: Representation(body, _TYPES[name.rpartition(".")[2]]) for name, body in _bodies().items()
}


async def asset(request: web.Request) -> web.Response:
    """Send an asset, which is the same for everybody."""
    found = _ANSWERS.get(request.path)
    if found is None:
        raise NotFoundError("No page of this release uses a file of this name")
    encoding = encoding_for(request)
    headers = {"Content-Type": found.content_type, "Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
    if encoding is not Encoding.IDENTITY:
        headers["Content-Encoding"] = encoding
    return web.Response(body=found.body_in(encoding), headers=headers)
