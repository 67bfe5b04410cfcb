"""All paths of the server."""

from aiohttp import web
from aiohttp.typedefs import Handler

from wheelyard_server.web.handlers import (
    files,
    health,
    json_api,
    mirrored_files,
    mirroring,
    old_indexes,
    simple,
    trusted_publishing,
    upload,
)
from wheelyard_server.web.handlers.management import OPERATIONS
from wheelyard_server.web.handlers.openapi import openapi
from wheelyard_server.web.handlers.operations import route
from wheelyard_server.web.http.expect_continue import defer_continue
from wheelyard_server.web.http.targets import MIRROR
from wheelyard_server.web.site.site_routes import SITE_ROUTES

# Clients that were set up for pypiserver or pypicloud use the other paths than /legacy/, and keep
# working. A missing slash cannot be answered with a redirect: twine and poetry follow none.
UPLOAD_PATHS = ("/legacy/", "/legacy", "/", "/simple/", "/simple", "/pypi/", "/pypi")

CORS_HANDLERS = (
    *(simple.root, simple.project, simple.to_root, simple.to_project, simple.to_project_or_root),
    *(
        files.file,
        files.integrity,
        mirrored_files.mirrored_file,
        json_api.project,
        old_indexes.to_project,
        old_indexes.project_json,
        json_api.version,
    ),
)
"""Handlers of pages, metadata and files: pages of allowed origins may read their answers."""

XML_RPC_PATHS = ("/pypi", "/pypi/")


def _upload_handler(path: str) -> Handler:
    return mirroring.xml_rpc_or_upload if path in XML_RPC_PATHS else upload.upload


INDEX_ROUTES = [
    web.get("/simple/", simple.root),
    web.get("/simple/{project}/", simple.project),
    web.get("/simple/{project}", simple.project),
    *(web.get(path, simple.to_root) for path in ("/simple", "/legacy", "/pypi")),
    *(web.get(path, simple.to_project_or_root) for path in ("/legacy/", "/pypi/")),
    web.get("/pypi/{project}/", simple.to_project),
    # Pages link to the first folder, and the JSON API at `/pypi/` to the second.
    *(web.get(f"/{folder}/{{project}}/{{sha256}}/{{filename}}", files.file) for folder in ("files", "packages")),
    web.get(f"{MIRROR}{{upstream}}/{{path:.+}}", mirrored_files.mirrored_file),
    *(web.post(path, _upload_handler(path), expect_handler=defer_continue) for path in UPLOAD_PATHS),
    # hatch looks here, below the upload URL, for files that are already published.
    *(web.get(f"{path}+simple/{{project}}/", simple.filenames) for path in UPLOAD_PATHS if path.endswith("/")),
    web.get("/integrity/{project}/{version}/{filename}/provenance", files.integrity),
    web.get("/pypi/{project}/json", json_api.project),
    web.get("/pypi/{project}/{version}/json", json_api.version),
    web.get("/api/v1/openapi.json", openapi),
    *map(route, OPERATIONS),
    web.get("/_/oidc/audience", trusted_publishing.audience),
    web.post("/_/oidc/mint-token", trusted_publishing.mint),
    web.get("/-/healthz", health.healthz),
    web.get("/-/readyz", health.readyz),
]
"""Paths for installers, uploads and programs."""
OLD_ROUTES = [
    web.get("/{project}/", old_indexes.to_project),
    web.get("/{project}/json", old_indexes.project_json),
]
"""Paths of projects in old indexes: the last ones, and not for names that are `RESERVED`."""
ROUTES = [*INDEX_ROUTES, *SITE_ROUTES, *OLD_ROUTES]


def routes(*, has_site: bool) -> list[web.RouteDef]:
    """Return the paths of a server, with or without the pages for people."""
    return ROUTES if has_site else [*INDEX_ROUTES, *OLD_ROUTES]
