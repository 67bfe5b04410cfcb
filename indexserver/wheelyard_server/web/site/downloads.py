"""`GET /project/<project>/download/<sha256>/<filename>`: the pages' own links to files.

Visitors have the rights of their cookie here, which the paths for installers never read. All else
is as there: a download counts in the fetch log, and a rule that refuses the file refuses it.
"""

from hashlib import sha256
from urllib.parse import unquote

from aiohttp import web

from wheelyard_server.errors import NotFoundError
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.web.handlers.files import (
    FILE_TYPE,
    METADATA_SUFFIX,
    PROVENANCE_SUFFIX,
    file_headers,
    send_file,
    small_answer,
)
from wheelyard_server.web.handlers.mirrored_files import kept_headers, send_mirrored
from wheelyard_server.web.site.known_projects import Known, known_project

UNKNOWN_DIGEST = "-"
"""Stands for the digest of a file that the upstream lists without one."""
_PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Cookie"}
"""The next visitor at the same browser may have fewer rights."""


async def download(request: web.Request) -> web.StreamResponse:
    """Send a file, its core metadata (PEP 658) or its provenance object (PEP 740)."""
    known, given = await known_project(request), request.match_info["filename"]
    suffix = next((each for each in (METADATA_SUFFIX, PROVENANCE_SUFFIX) if given.endswith(each)), "")
    filename = given.removesuffix(suffix)
    file = await known.view.file(filename)
    if isinstance(file, MirroredFile):
        return await _send_mirrored(request, known, file, suffix)
    # It raises for a file that is not there, has other bytes, or is refused.
    found = await known.catalog.file(known.name, filename, request.match_info["sha256"])
    if suffix:
        catalog, name = known.catalog, known.name
        is_metadata = suffix == METADATA_SUFFIX
        return _small(request, await (catalog.core_metadata if is_metadata else catalog.provenance)(name, found))
    headers = {**file_headers(found.sha256, has_login=True), **_PRIVATE}
    return await send_file(request, known.catalog, known.name, found, headers)


async def _send_mirrored(request: web.Request, known: Known, file: MirroredFile, suffix: str) -> web.StreamResponse:
    if request.match_info["sha256"] not in (file.sha256, UNKNOWN_DIGEST):
        raise NotFoundError("No such file in this project")
    catalog, path = known.catalog, unquote(file.path).lstrip("/")
    source = await catalog.mirrored_file(known.view.project.owner, path)
    if suffix:
        is_metadata = suffix == METADATA_SUFFIX
        body = await (catalog.mirrored_metadata if is_metadata else catalog.mirrored_provenance)(source)
        return _small(request, body)
    headers = {**kept_headers(source.file.sha256), **_PRIVATE}
    return await send_mirrored(request, catalog, source, headers)


def _small(request: web.Request, body: bytes) -> web.Response:
    response = small_answer(request, body, sha256(body).hexdigest(), FILE_TYPE, _PRIVATE["Cache-Control"])
    response.headers.update(_PRIVATE)
    return response
