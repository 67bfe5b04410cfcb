"""A page as bytes, with its ETags, its compressed forms and its 304 for clients that have it."""

import gzip
import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from wheelyard_server.catalog.stored_project import Staleness
from wheelyard_server.compression import zstd
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.web.http.headers import SERIAL, VARY, head, matches
from wheelyard_server.web.pages.negotiation import Encoding, choose_encoding

MAX_SMALL_BYTES = 64 * 1024
"""A body of this size takes about a millisecond to compress."""


class ReadyAnswer(NamedTuple):
    """An answer in bytes, without what varies: the date and the id of its request."""

    status: HTTPStatus
    head: bytes
    body: bytes | File | MirroredFile
    """A file stands for its bytes on disk, which the sender opens."""


@dataclass(frozen=True)
class Representation:
    """A body and its media type."""

    body: bytes
    content_type: str
    validator: str = ""
    """What the ETags are made of, if that is known without the body; empty if it is the body."""
    serial: int = 0
    """The serial of the project or list in it, see `catalog/serials.py`; 0 if it has none."""
    _ready_answers: dict[tuple[Encoding, bool], "ReadyAnswer"] = field(
        default_factory=dict, repr=False, compare=False
    )
    _is_part: bool = False
    """Only one content coding of it can be sent, whose answers are ready."""

    def etag(self, encoding: Encoding) -> str:
        """Return the ETag in this content coding, quotes included."""
        return self._tags[encoding]

    @cached_property
    def _tags(self) -> dict[Encoding, str]:
        digest = hashlib.sha256(self.content_type.encode() + (self.validator.encode() or self.body)).hexdigest()[
            :32
        ]
        return {encoding: f'"{digest}-{encoding}"' for encoding in Encoding}

    @property
    def memory(self) -> int:
        """About how many bytes this takes, compressed forms included."""
        sent = sum(len(each.body) for each in self._ready_answers.values() if isinstance(each.body, bytes))
        return (sent if self._is_part else max(2 * len(self.body), sent)) + 4096

    @property
    def is_small(self) -> bool:
        """Return whether it can be compressed on the event loop, and kept for all content codings."""
        return not self._is_part and len(self.body) <= MAX_SMALL_BYTES

    def only_in(self, encoding: Encoding) -> "Representation":
        """Return the part that is sent in one content coding; the memory for the rest can be freed."""
        ready = {
            (encoding, unchanged): self.ready_answer(encoding, unchanged=unchanged) for unchanged in (False, True)
        }
        body = self.body if encoding is Encoding.IDENTITY else b""
        part = Representation(body, self.content_type, self.validator, self.serial, ready, _is_part=True)
        part.__dict__["_tags"] = self._tags
        return part

    def with_origin(self, placeholder: str, origin: str) -> "Representation":
        """Return the same with the origin in place of the placeholder."""
        body = self.body.replace(placeholder.encode(), origin.encode())
        return Representation(body, self.content_type, self.validator.replace(placeholder, origin), self.serial)

    def headers(self, encoding: Encoding, *, unchanged: bool) -> dict[str, str]:
        """Return the headers in this content coding, or those of the 304 if it is unchanged."""
        headers = {
            "ETag": self.etag(encoding),
            "Vary": VARY,
            # Clients revalidate every time and mostly get a 304, so they see a new file at once.
            "Cache-Control": "no-cache",
        }
        if self.serial:
            headers[SERIAL] = str(self.serial)
        if not unchanged:
            headers["Content-Type"] = self.content_type
            if encoding is not Encoding.IDENTITY:
                headers["Content-Encoding"] = encoding
        return headers

    def ready_answer(self, encoding: Encoding, *, unchanged: bool) -> ReadyAnswer:
        """Return the answer that `answer` gives for this coding as bytes; it is made once."""
        ready = self._ready_answers.get((encoding, unchanged))
        if ready is None:
            ready = self._ready_answers[encoding, unchanged] = self._make_answer(encoding, unchanged=unchanged)
        return ready

    def _make_answer(self, encoding: Encoding, *, unchanged: bool) -> ReadyAnswer:
        headers = self.headers(encoding, unchanged=unchanged)
        if unchanged:
            return ReadyAnswer(HTTPStatus.NOT_MODIFIED, head(HTTPStatus.NOT_MODIFIED, headers), b"")
        body = self.body_in(encoding)
        return ReadyAnswer(HTTPStatus.OK, head(HTTPStatus.OK, {**headers, "Content-Length": str(len(body))}), body)

    def body_in(self, encoding: Encoding) -> bytes:
        """Return the body in this content coding; it is made once."""
        ready = self._ready_answers.get((encoding, False))
        if ready is not None and isinstance(ready.body, bytes):
            return ready.body
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
        return zstd(self.body, 6)


def encoding_for(request: web.Request) -> Encoding:
    """Return the content coding that the client prefers."""
    return choose_encoding(request.headers.get("Accept-Encoding", ""))


def not_modified(
    request: web.Request, content_type: str, validator: str, serial: int, stale: Staleness | None = None
) -> web.Response | None:
    """Return the 304 if the client has a page, without rendering it; None if the page must be sent.

    `content_type`, `validator` and `serial` are those of its representation. `If-None-Match: *`
    asks whether there is a page at all, which only rendering it shows.
    """
    if "*" in request.headers.get("If-None-Match", ""):
        return None
    known = Representation(b"", content_type, validator, serial)
    encoding = encoding_for(request)
    return answer(request, known, stale) if matches(request, known.etag(encoding)) else None


CACHE_STATUS = "Cache-Status"


def cache_status(stale: Staleness) -> str:
    """Return the value of the Cache-Status header (RFC 9211) of an answer that is stale."""
    return f'Wheelyard; hit; ttl=-{stale.seconds:.0f}; detail="{stale.waiting_for} does not answer"'


def answer(request: web.Request, representation: Representation, stale: Staleness | None = None) -> web.Response:
    """Send it in the coding that the client prefers, or a 304 if the client has it.

    `stale` says for how long it was not confirmed; None if it is current.
    """
    encoding = encoding_for(request)
    unchanged = matches(request, representation.etag(encoding))
    headers = representation.headers(encoding, unchanged=unchanged)
    if stale is not None:
        headers[CACHE_STATUS] = cache_status(stale)
    if unchanged:
        return web.Response(status=304, headers=headers)
    return web.Response(body=representation.body_in(encoding), headers=headers)
