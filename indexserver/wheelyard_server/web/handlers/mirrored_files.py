"""`GET /mirror/<upstream>/<path>`: files of upstreams, their metadata and their provenance.

The path is that at the upstream, so that a lock file's URL can be mapped back
(docs/adr/0040-urls-of-mirrored-files.md). No answer is a redirect to an upstream: that would
get past the login and the policy.
"""

from collections.abc import Mapping
from functools import partial
from hashlib import sha256

from aiohttp import web

from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.catalog.stored_project import MirroredSource
from wheelyard_server.web.context import guarded_catalog
from wheelyard_server.web.handlers.files import (
    FILE_HEADERS,
    FILE_TYPE,
    METADATA_SUFFIX,
    PROVENANCE_SUFFIX,
    PROVENANCE_TYPE,
    redirect_headers,
    requested_range,
    small_answer,
)
from wheelyard_server.web.http.cache_status import CACHE_STATUS, HIT, file_status
from wheelyard_server.web.http.client_families import family_of
from wheelyard_server.web.http.headers import matches
from wheelyard_server.web.http.sending import Body, send

CACHE_CONTROL = "private, no-cache"
"""A shared cache must not hand out what a policy took back. Clients ask whether they may still use it."""


async def mirrored_file(request: web.Request) -> web.StreamResponse:
    """Send a file of an upstream, its core metadata (PEP 658) or its provenance object (PEP 740)."""
    path = request.match_info["path"]
    if path.endswith(PROVENANCE_SUFFIX):
        return await _send_object(request, path.removesuffix(PROVENANCE_SUFFIX), PROVENANCE_TYPE)
    if path.endswith(METADATA_SUFFIX):
        return await _send_object(request, path.removesuffix(METADATA_SUFFIX), FILE_TYPE)
    return await _send_content(request, path)


async def _send_object(request: web.Request, path: str, content_type: str) -> web.Response:
    catalog, file = await _find_file(request, path)
    is_provenance = content_type == PROVENANCE_TYPE
    body = await (catalog.mirrored_provenance(file) if is_provenance else catalog.mirrored_metadata(file))
    return small_answer(request, body, sha256(body).hexdigest(), content_type, CACHE_CONTROL)


async def _find_file(request: web.Request, path: str) -> tuple[GuardedCatalog, MirroredSource]:
    catalog = await guarded_catalog(request)
    return catalog, await catalog.mirrored_file(request.match_info["upstream"], path)


async def _send_content(request: web.Request, path: str) -> web.StreamResponse:
    catalog, source = await _find_file(request, path)
    return await send_mirrored(request, catalog, source, kept_headers(source.file.sha256))


async def send_mirrored(
    request: web.Request, catalog: GuardedCatalog, source: MirroredSource, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send the bytes of an upstream's file, or of a range, or a redirect to them; count the fetch."""
    response = web.StreamResponse(headers=headers)
    if source.file.sha256 and matches(request, response.headers["ETag"]):
        response.set_status(304)
        return response
    response.content_type = FILE_TYPE
    is_part, size = "Range" in request.headers, source.file.size
    if size is None and (is_part or request.method == "HEAD"):
        size = await catalog.mirrored_size(source)
        response.headers[CACHE_STATUS] = file_status(source.project.owner, is_fetched=True)
    start, end = (0, None) if size is None else requested_range(request, size, response)
    if request.method == "HEAD":
        response.content_length = end and end - start
        return response
    is_whole = end is None or end - start == size
    began = partial(
        catalog.record_fetch, source.project.name, source.file, family_of(request), is_part=not is_whole
    )
    location = await catalog.mirrored_location(source)
    if location is not None:
        began()
        return web.Response(status=302, headers=redirect_headers(location))
    if is_whole or end is None:
        opened = await catalog.open_mirrored(source)
        start, end = 0, opened.size
    else:
        opened = await catalog.open_mirrored_part(source, start, end)
    response.headers[CACHE_STATUS] = file_status(source.project.owner, is_fetched=opened.is_fetched)
    return await send(request, response, Body(opened.content, start, end, began))


def mirrored_headers(digest: str) -> dict[str, str]:
    """Return the headers of an answer with the bytes of this digest; "" is not known before the end."""
    headers = {**FILE_HEADERS, "Cache-Control": CACHE_CONTROL}
    return {**headers, "ETag": f'"{digest}"'} if digest else headers


def kept_headers(digest: str) -> dict[str, str]:
    """Return the headers of an answer that needs no upstream, with the bytes of a file or without."""
    return {**mirrored_headers(digest), CACHE_STATUS: HIT}
