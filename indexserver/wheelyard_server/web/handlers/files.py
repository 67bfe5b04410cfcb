"""`GET /files/<project>/<sha256>/<filename>`: files, their metadata and their provenance."""

from collections.abc import Mapping
from functools import partial
from hashlib import sha256

from aiohttp import web
from packaging.version import Version

from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.errors import NotFoundError
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import NormalizedName, parse_project_name, parse_version
from wheelyard_server.web.context import guarded_catalog
from wheelyard_server.web.http.client_families import family_of
from wheelyard_server.web.http.headers import NO_STORE, VARY, matches
from wheelyard_server.web.http.sending import Body, send

METADATA_SUFFIX = ".metadata"
PROVENANCE_SUFFIX = ".provenance"
FILE_TYPE = "application/octet-stream"
PROVENANCE_TYPE = "application/vnd.pypi.integrity.v1+json"
FILE_HEADERS = {
    "Accept-Ranges": "bytes",
    "Vary": "Authorization, Origin",
    # Strangers uploaded it: no browser may show it.
    "Content-Disposition": "attachment",
}
# The digest is in the URL, so the content never changes. A shared cache may keep what anonymous may
# read, but not the answer to a login: users whose right was withdrawn would still get it there.
_PUBLIC = "public, max-age=365000000, immutable"
_PRIVATE = "private, max-age=365000000, immutable"


async def file(request: web.Request) -> web.StreamResponse:
    """Send a file, its core metadata (PEP 658) or its provenance object (PEP 740)."""
    filename = request.match_info["filename"]
    if filename.endswith(PROVENANCE_SUFFIX):
        return await _send_provenance(request, *await _find_file(request, filename.removesuffix(PROVENANCE_SUFFIX)))
    if filename.endswith(METADATA_SUFFIX):
        return await _send_metadata(request, filename.removesuffix(METADATA_SUFFIX))
    return await _send_content(request, filename)


async def _find_file(request: web.Request, filename: str) -> tuple[GuardedCatalog, NormalizedName, File]:
    """Return the file that the URL names, with the catalog and its project."""
    name = parse_project_name(request.match_info["project"])
    catalog = await guarded_catalog(request)
    return catalog, name, await catalog.file(name, filename, request.match_info["sha256"])


async def _send_metadata(request: web.Request, filename: str) -> web.Response:
    catalog, name, file = await _find_file(request, filename)
    body = await catalog.core_metadata(name, file)
    return small_answer(
        request, body, file.core_metadata_sha256, FILE_TYPE, _cache_control(has_login=_has_login(request))
    )


async def integrity(request: web.Request) -> web.Response:
    """Send a file's provenance object at the URL of PyPI's Integrity API, which has no digest in it.

    https://docs.pypi.org/api/integrity/
    """
    name, filename = parse_project_name(request.match_info["project"]), request.match_info["filename"]
    catalog = await guarded_catalog(request)
    view = await catalog.project(name)
    found, version = await view.file(filename), parse_version(request.match_info["version"])
    if found is None or not found.version or Version(found.version) != version:
        raise NotFoundError("This version of the project has no such file")
    if isinstance(found, MirroredFile):
        body = await catalog.mirrored_provenance(view.source(found))
        return small_answer(request, body, sha256(body).hexdigest(), PROVENANCE_TYPE, "no-cache")
    return await _send_provenance(request, catalog, name, await catalog.file(name, filename, found.sha256))


async def _send_provenance(
    request: web.Request, catalog: GuardedCatalog, name: NormalizedName, file: File
) -> web.Response:
    body = await catalog.provenance(name, file)
    # Later uploads add attestations: unlike a file, its provenance must be revalidated.
    return small_answer(request, body, file.provenance_sha256 or "", PROVENANCE_TYPE, "no-cache")


def small_answer(
    request: web.Request, body: bytes, sha256: str, content_type: str, cache_control: str
) -> web.Response:
    """Return the answer with an object of a file, or its 304."""
    headers = {**FILE_HEADERS, "Cache-Control": cache_control, "ETag": f'"{sha256}"'}
    if matches(request, headers["ETag"]):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers={**headers, "Content-Type": content_type})


def file_headers(sha256: str, *, has_login: bool) -> dict[str, str]:
    """Return the headers of an answer with the bytes of this digest, or of its 304."""
    return {**FILE_HEADERS, "Cache-Control": _cache_control(has_login=has_login), "ETag": f'"{sha256}"'}


def redirect_headers(location: str) -> dict[str, str]:
    """Return the headers of a redirect to a presigned URL."""
    # Anyone who has the URL needs no login: no cache may keep it.
    return {"Location": location, "Cache-Control": NO_STORE, "Vary": VARY}


def _has_login(request: web.Request) -> bool:
    return "Authorization" in request.headers


def _cache_control(*, has_login: bool) -> str:
    return _PRIVATE if has_login else _PUBLIC


async def _send_content(request: web.Request, filename: str) -> web.StreamResponse:
    catalog, name, file = await _find_file(request, filename)
    return await send_file(request, catalog, name, file, file_headers(file.sha256, has_login=_has_login(request)))


async def send_file(
    request: web.Request, catalog: GuardedCatalog, name: NormalizedName, file: File, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send the bytes of a file, or of the range that is asked for, or a redirect to them; count the fetch."""
    response = web.StreamResponse(headers=headers)
    if matches(request, response.headers["ETag"]):
        response.set_status(304)
        return response
    response.content_type = FILE_TYPE
    start, end = requested_range(request, file.size, response)
    if request.method == "HEAD":
        # Even if S3 would send it: S3 refuses a HEAD of a URL that was signed for GET.
        response.content_length = end - start
        return response
    began = partial(catalog.record_fetch, name, file, family_of(request), is_part=(start, end) != (0, file.size))
    location = await catalog.location(name, file)
    if location is not None:
        began()
        return web.Response(status=302, headers=redirect_headers(location))
    return await send(request, response, Body(await catalog.open(name, file, start, end), start, end, began))


def requested_range(request: web.Request, size: int, response: web.StreamResponse) -> tuple[int, int]:
    """Return the first byte and the one after the last; set the status. Of several ranges, none is served."""
    if_range = request.headers.get("If-Range")
    if "Range" not in request.headers or if_range not in (None, response.headers.get("ETag", "")):
        return 0, size
    try:
        start, end, _ = request.http_range.indices(size)
    except ValueError:
        # Several ranges, or another unit: RFC 9110 allows the whole file as the answer.
        return 0, size
    if start >= end:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    response.set_status(206)
    response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return start, end
