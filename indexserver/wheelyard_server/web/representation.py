"""A page as bytes that can be sent to many: compressed once, compared by ETag, not sent again to who has it."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property

import zstandard
from aiohttp import web

from wheelyard_server.web.headers import matches
from wheelyard_server.web.negotiation import Encoding, choose_encoding


@dataclass(frozen=True)
class Representation:
    """A body and its media type."""

    body: bytes
    content_type: str

    @cached_property
    def etag(self) -> str:
        """Without quotes; of the uncompressed body."""
        return hashlib.sha256(self.content_type.encode() + self.body).hexdigest()[:32]

    def encoded(self, encoding: Encoding) -> bytes:
        """Return the body in this content coding; it is made once."""
        match encoding:
            case Encoding.IDENTITY:
                return self.body
            case Encoding.GZIP:
                return self._gzipped
            case Encoding.ZSTD:
                return self._zstandard

    @cached_property
    def _gzipped(self) -> bytes:
        return gzip.compress(self.body, compresslevel=6, mtime=0)

    @cached_property
    def _zstandard(self) -> bytes:
        return zstandard.compress(self.body, level=6)


def answer(
    request: web.Request, representation: Representation, stale_seconds: float | None = None
) -> web.Response:
    """Send it in the coding that the client likes best, or 304 if the client has it already.

    `stale_seconds` is how long nobody has known whether it is still so; None is current.
    """
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
    etag = f'"{representation.etag}-{encoding}"'
    headers = {
        "ETag": etag,
        "Vary": "Accept, Accept-Encoding, Authorization",
        # Clients ask every time (and mostly get a 304): what was just published is there for them.
        "Cache-Control": "no-cache",
    }
    if stale_seconds is not None:
        # RFC 9211: served from memory, and out of date for so long.
        headers["Cache-Status"] = f'Wheelyard; hit; ttl=-{stale_seconds:.0f}; detail="the storage does not answer"'
    if matches(request, etag):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = representation.content_type
    if encoding is not Encoding.IDENTITY:
        headers["Content-Encoding"] = encoding
    return web.Response(body=representation.encoded(encoding), headers=headers)
