"""All paths of the server."""

from aiohttp import web

from wheelyard_server.web import files, health, json_api, simple, upload, welcome
from wheelyard_server.web.expectations import wait
from wheelyard_server.web.management import OPERATIONS
from wheelyard_server.web.openapi import openapi
from wheelyard_server.web.operations import route

ROUTES = [
    web.get("/", welcome.welcome),
    web.get("/simple/", simple.root),
    web.get("/simple/{project}/", simple.project),
    web.get("/simple/{project}", simple.project),
    web.get("/files/{project}/{sha256}/{filename}", files.file),
    web.post("/legacy/", upload.upload, expect_handler=wait),
    # pypiserver's and pypicloud's clients have these; they keep working.
    web.post("/", upload.upload, expect_handler=wait),
    web.post("/simple/", upload.upload, expect_handler=wait),
    web.post("/pypi/", upload.upload, expect_handler=wait),
    web.get("/pypi/{project}/json", json_api.project),
    web.get("/pypi/{project}/{version}/json", json_api.version),
    web.get("/api/v1/openapi.json", openapi),
    *map(route, OPERATIONS),
    web.get("/-/healthz", health.healthz),
    web.get("/-/readyz", health.readyz),
]
