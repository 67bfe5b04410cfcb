"""The advisories of the index by the management API: showing, accepting, and loading an export."""

import asyncio
from contextlib import closing

from aiohttp import web

from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.catalog.advisories.state import AdvisoriesState
from wheelyard_server.errors import FeedError, FileTooLargeError, InvalidRequestError
from wheelyard_server.feed import Export
from wheelyard_server.feed.exports import MAX_EXPORT_BYTES, read_export
from wheelyard_server.sliced import in_slices
from wheelyard_server.web.context import ADMISSION, SCRATCH
from wheelyard_server.web.handlers.operations import Call, LargeBody
from wheelyard_server.web.http.expect_continue import send_continue

_TYPE = "application/zip"
_CHUNK = 1024 * 1024


async def get_advisories(call: Call) -> AdvisoriesState:
    """Show which advisories are in force, and what waits or fails."""
    return await call.catalog.advisories()


async def load_advisories(call: Call) -> AdvisoriesState:
    """Put the records of an export in force."""
    return await call.catalog.load_advisories(call.body, is_accepted=call.query.get("accept") == "true")


async def accept_advisories(call: Call) -> AdvisoriesState:
    """Accept that the feed takes away the records that it lacks."""
    return await call.catalog.accept_advisories()


async def _export(request: web.Request, catalog: GuardedCatalog) -> Export:
    """Return the records of the archive in the body of a request."""
    catalog.require_manager()
    # No form on another site's page can send this type.
    if request.content_type != _TYPE or "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType(text=f"Send {_TYPE} without compression: the export of a feed\n")
    _check_size(request.content_length or 0)
    with request.app[ADMISSION].admit(request.content_length), closing(request.app[SCRATCH].new_file()) as file:
        await send_continue(request)
        size = 0
        async for chunk in request.content.iter_chunked(_CHUNK):
            size += len(chunk)
            _check_size(size)
            await asyncio.to_thread(file.write, chunk)
        try:
            return await in_slices(read_export(file.fileno()))
        except FeedError as error:
            raise InvalidRequestError(f"The archive {error.reason}") from error


def _check_size(size: int) -> None:
    if size > MAX_EXPORT_BYTES:
        raise FileTooLargeError(f"An export may have at most {MAX_EXPORT_BYTES} bytes")


EXPORT = LargeBody(_TYPE, _export)
"""A zip archive with a record of OSV's format in each file."""
