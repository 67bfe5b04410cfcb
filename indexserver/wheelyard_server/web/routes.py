"""All paths of the server."""

from aiohttp import web

from wheelyard_server.web import files, health, simple, upload, welcome

ROUTES = [
    web.get("/", welcome.welcome),
    web.get("/simple/", simple.root),
    web.get("/simple/{project}/", simple.project),
    web.get("/simple/{project}", simple.project),
    web.get("/files/{project}/{sha256}/{filename}", files.file),
    web.post("/legacy/", upload.upload),
    # pypiserver's and pypicloud's clients have these; they keep working.
    web.post("/", upload.upload),
    web.post("/simple/", upload.upload),
    web.post("/pypi/", upload.upload),
    web.get("/-/healthz", health.healthz),
    web.get("/-/readyz", health.readyz),
]
