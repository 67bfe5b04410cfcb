"""The body of an answer: from this machine's disk by `sendfile`, from elsewhere chunk by chunk."""

import logging
import os
from collections.abc import AsyncIterator
from io import FileIO

from aiohttp import web

from wheelyard_server.catalog.contents.content import Content
from wheelyard_server.errors import StorageError, StorageUnavailableError
from wheelyard_server.web.http.sendfile import full_packets, sendfile

log = logging.getLogger(__name__)

SMALL_BYTES = 64 * 1024
"""Up to here, to read and to write once with the headers is quicker than to set up a `sendfile`."""

SENT = web.RequestKey("sent", int)
"""How many bytes of a streamed body have gone out."""

BY_SENDFILE = web.RequestKey("by_sendfile", int)
"""How many of them aiohttp has not seen."""


async def send(
    request: web.Request, response: web.StreamResponse, content: Content, start: int, end: int
) -> web.StreamResponse:
    """Send the bytes from `start` up to and without `end` with the status and headers of `response`.

    Raises `StorageError` while the status is not out. Later, only a cut connection can say that this is not
    the file.
    """
    response.content_length = end - start
    try:
        if isinstance(content, bytes):
            return _whole(response, content[start:end])
        if isinstance(content, FileIO):
            with content:
                return await _send_file(request, response, content, start, end)
        return await _send_chunks(request, response, content)
    except (ConnectionError, TimeoutError):
        return response  # The client has gone, or took nothing for too long: there is nobody to tell.
    except StorageError as error:
        if not response.prepared:
            raise
        _cut(request, str(error))
        return response


async def _send_chunks(
    request: web.Request, response: web.StreamResponse, chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    await response.prepare(request)
    request[SENT] = 0
    async for chunk in chunks:
        await response.write(chunk)
        request[SENT] += len(chunk)
    await response.write_eof()
    return response


async def _send_file(
    request: web.Request, response: web.StreamResponse, file: FileIO, start: int, end: int
) -> web.StreamResponse:
    if end - start <= SMALL_BYTES:
        body = os.pread(file.fileno(), end - start, start)
        _require_all(request, len(body), end - start)
        return _whole(response, body)
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError
    with full_packets(transport):
        await response.prepare(request)
        request[SENT] = 0
        request[SENT] = request[BY_SENDFILE] = sent = await sendfile(transport, file, start, end)
        _require_all(request, sent, end - start)
        await response.write_eof()
    return response


def _whole(response: web.StreamResponse, body: bytes) -> web.Response:
    return web.Response(body=body, status=response.status, headers=response.headers)


def _require_all(request: web.Request, found: int, wanted: int) -> None:
    if found < wanted:
        raise StorageUnavailableError(request.path, "the file became shorter while it was sent")


def _cut(request: web.Request, reason: str) -> None:
    log.error("%s was cut off: %s", request.path, reason)
    if request.transport is not None:
        request.transport.abort()
