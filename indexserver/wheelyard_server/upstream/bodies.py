"""The bodies of small answers, whole: bounded as they are sent, and again without their content coding."""

import asyncio
import io
import zlib
from contextlib import suppress

import aiohttp
import zstandard

from wheelyard_server.upstream.failures import NETWORK_ERRORS, HiccupError

ACCEPT_ENCODING = "gzip, zstd"
LARGE_BYTES = 4 * 1024 * 1024
"""A body of this size counts as large, before or after it is decoded: PyPI's largest pages are smaller."""
_CHUNK = 256 * 1024
_SMALL = 64 * 1024
_ZSTD_STEP = 512
"""Bytes that are decompressed at once: four of them can become 128 KiB."""
_WINDOW = 8 * 1024 * 1024
"""Largest window of zstd that HTTP allows (RFC 9659)."""


class TooLargeError(Exception):
    """A body has more bytes than its bound."""


class UnreadableCodingError(Exception):
    """A body is not in the content coding that its header names."""


class _Body:
    """Collects a body. Its bytes are never copied as a whole, which would block the event loop."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._file = io.BytesIO()

    def add(self, part: bytes) -> None:
        """Add the next part; raise `TooLargeError`."""
        self._file.write(part)
        if self.size > self._max_bytes:
            raise TooLargeError

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return self._file.tell()

    def whole(self) -> bytes:
        """Return what was added."""
        return self._file.getvalue()


class Room:
    """The memory of one body: only one of those that share a lock may be large."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._is_large = False
        self.is_waiting = False
        """Whether another large body is in memory."""

    async def grow(self) -> None:
        """Wait until this body may be large."""
        if not self._is_large:
            self.is_waiting = True
            await self._lock.acquire()
            self.is_waiting, self._is_large = False, True

    def leave(self) -> None:
        """Let another body be large."""
        if self._is_large:
            self._lock.release()
            self._is_large = False


async def received(answer: aiohttp.ClientResponse, max_bytes: int, room: Room | None = None) -> bytes:
    """Return the body as it was sent; raise `TooLargeError`, or `NETWORK_ERRORS` if it ends early."""
    if (answer.content_length or 0) > max_bytes:
        raise TooLargeError
    body = _Body(max_bytes)
    async for chunk in answer.content.iter_any():
        body.add(chunk)
        if room is not None and body.size > LARGE_BYTES:
            await room.grow()
    return body.whole()


async def decoded_in(room: Room, body: bytes, coding: str, max_bytes: int) -> bytes:
    """Return `decoded`, from a thread unless it is little; it may only be large if there is room."""
    if len(body) <= _SMALL:
        with suppress(TooLargeError):
            return decoded(body, coding, min(_SMALL, max_bytes))
    if len(body) <= LARGE_BYTES:
        with suppress(TooLargeError):
            return await asyncio.to_thread(decoded, body, coding, min(LARGE_BYTES, max_bytes))
    await room.grow()
    return await asyncio.to_thread(decoded, body, coding, max_bytes)


def decoded(body: bytes, coding: str, max_bytes: int) -> bytes:
    """Return a body without its content coding; it takes up to a second, so it belongs in a thread.

    Raises `TooLargeError` before it has much more than `max_bytes`, `HiccupError` if the body is
    empty or cut, and `UnreadableCodingError`.
    """
    if not body:
        raise HiccupError("answers with nothing")
    match coding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _gunzipped(body, max_bytes)
        case "zstd":
            return _unzstandard(body, max_bytes)
        case _:
            raise UnreadableCodingError


def _gunzipped(body: bytes, max_bytes: int) -> bytes:
    plain, rest = _Body(max_bytes), body
    try:
        while rest:
            member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            while not member.eof:
                part = member.decompress(rest, _CHUNK)
                plain.add(part)
                rest = member.unconsumed_tail
                if not (part or rest or member.eof):
                    raise HiccupError("ends its answer early")
            rest = member.unused_data
    except zlib.error as error:
        raise UnreadableCodingError from error
    return plain.whole()


def _unzstandard(body: bytes, max_bytes: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    plain, position, frame = _Body(max_bytes), 0, decompressor.decompressobj()
    try:
        while position < len(body):
            if frame.eof:
                frame = decompressor.decompressobj()
            piece = body[position : position + _ZSTD_STEP]
            plain.add(frame.decompress(piece))
            position += len(piece) - len(frame.unused_data)
    except zstandard.ZstdError as error:
        raise UnreadableCodingError from error
    if not frame.eof:
        raise HiccupError("ends its answer early")
    return plain.whole()


async def discard(answer: aiohttp.ClientResponse) -> None:
    """Read the rest of a small answer, so that its connection can be used again, or else close it."""
    size = 0
    with suppress(*NETWORK_ERRORS):
        async for chunk in answer.content.iter_any():
            size += len(chunk)
            if size > _SMALL:
                break
    answer.close()
