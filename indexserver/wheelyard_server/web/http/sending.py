"""Sends the body of an answer: from disk by `sendfile`, from elsewhere chunk by chunk."""

import logging
import os
from collections.abc import AsyncIterator, Callable
from io import FileIO
from typing import NamedTuple

from aiohttp import web

from wheelyard_server.catalog.contents.content import Content
from wheelyard_server.errors import RefusedFileError, StorageError, StorageUnavailableError, UpstreamError
from wheelyard_server.web.http.sendfile import full_packets, sendfile

log = logging.getLogger(__name__)

MAX_SMALL_BYTES = 64 * 1024
"""A part up to this size is read and sent with the headers: that is quicker than a `sendfile`."""

SENT = web.RequestKey("sent", int)
"""How many bytes of a streamed body have been sent."""

BY_SENDFILE = web.RequestKey("by_sendfile", int)
"""How many of them aiohttp has not counted."""


class Body(NamedTuple):
    """The bytes of some content from `start` up to and without `end`."""

    content: Content
    start: int
    end: int | None
    """None for a stream that alone knows its length."""
    began: Callable[[], None]
    """Is called once, with the first of the bytes."""


class FilePart(NamedTuple):
    """The bytes of a file from `start` up to and without `end`."""

    start: int
    end: int


async def send(request: web.Request, response: web.StreamResponse, body: Body) -> web.StreamResponse:
    """Send a body with the status and headers of `response`.

    Raises `StorageError`, `UpstreamError` or `RefusedFileError` before the status is sent. Later,
    only a cut connection can show that this is not the file.
    """
    content, start, end, began = body
    if end is not None:
        response.content_length = end - start
    try:
        if isinstance(content, bytes):
            return _whole(response, content[start:end], began)
        if isinstance(content, FileIO):
            with content:
                last = os.fstat(content.fileno()).st_size if end is None else end
                return await _send_file(request, response, content, FilePart(start, last), began)
        return await _send_chunks(request, response, content, began)
    except (ConnectionError, TimeoutError):
        return response  # The client has gone, or read nothing for too long.
    except (StorageError, UpstreamError, RefusedFileError) as error:
        if not response.prepared:
            raise
        _cut(request, str(error))
        return response


async def _send_chunks(
    request: web.Request, response: web.StreamResponse, chunks: AsyncIterator[bytes], began: Callable[[], None]
) -> web.StreamResponse:
    await response.prepare(request)
    request[SENT] = 0
    async for chunk in chunks:
        await response.write(chunk)
        if chunk and not request[SENT]:
            began()
        request[SENT] += len(chunk)
    await response.write_eof()
    return response


async def _send_file(
    request: web.Request, response: web.StreamResponse, file: FileIO, part: FilePart, began: Callable[[], None]
) -> web.StreamResponse:
    start, end = part
    if end - start <= MAX_SMALL_BYTES:
        body = os.pread(file.fileno(), end - start, start)
        _require_all(request, len(body), end - start)
        return _whole(response, body, began)
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError
    with full_packets(transport):
        await response.prepare(request)
        request[SENT] = 0
        request[SENT] = request[BY_SENDFILE] = sent = await sendfile(transport, file, start, end, began)
        _require_all(request, sent, end - start)
        await response.write_eof()
    return response


def _whole(response: web.StreamResponse, body: bytes, began: Callable[[], None]) -> web.Response:
    if body:
        began()
    return web.Response(body=body, status=response.status, headers=response.headers)


def _require_all(request: web.Request, found: int, wanted: int) -> None:
    if found < wanted:
        raise StorageUnavailableError(request.path, "the file became shorter while it was sent")


def _cut(request: web.Request, reason: str) -> None:
    log.error("%s was cut off: %s", request.path, reason)
    if request.transport is not None:
        request.transport.abort()
