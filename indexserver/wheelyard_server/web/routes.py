"""All paths of the server."""

from aiohttp import web
from aiohttp.typedefs import Handler

from wheelyard_server.web.handlers import (
    files,
    health,
    json_api,
    mirrored_files,
    mirroring,
    simple,
    trusted_publishing,
    upload,
    welcome,
)
from wheelyard_server.web.handlers.management import OPERATIONS
from wheelyard_server.web.handlers.openapi import openapi
from wheelyard_server.web.handlers.operations import route
from wheelyard_server.web.http.expect_continue import defer_continue
from wheelyard_server.web.http.targets import MIRROR

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
        json_api.project_beside_pages,
        json_api.version,
    ),
)
"""Handlers of pages, metadata and files: pages of allowed origins may read their answers."""

XML_RPC_PATHS = ("/pypi", "/pypi/")


def _upload_handler(path: str) -> Handler:
    return mirroring.xml_rpc_or_upload if path in XML_RPC_PATHS else upload.upload


ROUTES = [
    web.get("/", welcome.welcome),
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
    # Last: no other path of the index is taken for the name of a project.
    web.get("/{project}/", simple.to_project),
    web.get("/{project}/json", json_api.project_beside_pages),
]
