"""A page as bytes, with its ETags, its compressed forms and its 304 for clients that have it."""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from wheelyard_server.compression import zstd
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.web.http.cache_status import CACHE_STATUS, HIT, Caveat, cache_status
from wheelyard_server.web.http.headers import SERIAL, VARY, head, matches
from wheelyard_server.web.pages.negotiation import Encoding, choose_encoding

MAX_SMALL_BYTES = 64 * 1024
"""A body of this size takes about a millisecond to compress."""


_SLICE_BYTES = 256 * 1024


class ReadyAnswer(NamedTuple):
    """An answer in bytes, without what varies: the date and the id of its request."""

    status: HTTPStatus
    head: bytes
    body: bytes | File | MirroredFile
    """A file stands for its bytes on disk, which the sender opens."""
    fetched: File | MirroredFile | None = None
    """The file of which clients get bytes, or a redirect to them."""


@dataclass(frozen=True)
class Representation:
    """A body and its media type."""

    body: bytes
    content_type: str
    validator: str = ""
    """What the ETags are made of, if that is known without the body; empty if it is the body."""
    serial: int = 0
    """The serial of the project or list in it, see `catalog/serials.py`; 0 if it has none."""
    is_mirrored: bool = False
    """Whether it shows a project of an upstream, so that answers say where they come from."""
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
        hashed = hashlib.sha256(self.content_type.encode())
        hashed.update(self.validator.encode() or self.body)
        digest = hashed.hexdigest()[:32]
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
        part = replace(self, body=body, _ready_answers=ready, _is_part=True)
        part.__dict__["_tags"] = self._tags
        return part

    def with_origin(self, placeholder: str, origin: str) -> "Representation":
        """Return the same with the origin in place of the placeholder, which has no quote in it.

        To replace megabytes at once would keep the interpreter lock for tens of milliseconds.
        """
        before, after = placeholder.encode(), origin.encode()
        body = b"".join(part.replace(before, after) for part in _slices(self.body))
        return self.with_body(body, placeholder, origin)

    def with_body(self, body: bytes, placeholder: str = "", origin: str = "") -> "Representation":
        """Return the same with another body, and the origin in place of the placeholder in the validator."""
        validator = self.validator.replace(placeholder, origin) if placeholder else self.validator
        return Representation(body, self.content_type, validator, self.serial, self.is_mirrored)

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
        if self.is_mirrored:
            headers[CACHE_STATUS] = HIT
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


def _slices(body: bytes) -> Iterator[bytes]:
    """Yield a body in parts that end behind a quote, which is never in the middle of a URL."""
    start = 0
    while start < len(body):
        quote = body.find(b'"', start + _SLICE_BYTES)
        end = len(body) if quote < 0 else quote + 1
        yield body[start:end]
        start = end


def encoding_for(request: web.Request) -> Encoding:
    """Return the content coding that the client prefers."""
    return choose_encoding(request.headers.get("Accept-Encoding", ""))


def not_modified(request: web.Request, known: Representation, caveat: Caveat = None) -> web.Response | None:
    """Return the 304 if the client has a page, without rendering it; None if the page must be sent.

    `known` is its representation without a body. `If-None-Match: *` asks whether there is a page at
    all, which only rendering it shows.
    """
    if "*" in request.headers.get("If-None-Match", ""):
        return None
    return answer(request, known, caveat) if matches(request, known.etag(encoding_for(request))) else None


def answer(request: web.Request, representation: Representation, caveat: Caveat = None) -> web.Response:
    """Send it in the coding that the client prefers, or a 304 if the client has it.

    `caveat` says how old it is, or that an upstream was asked for it; see `ProjectView`.
    """
    encoding = encoding_for(request)
    unchanged = matches(request, representation.etag(encoding))
    headers = representation.headers(encoding, unchanged=unchanged)
    if caveat is not None:
        headers[CACHE_STATUS] = cache_status(caveat)
    if unchanged:
        return web.Response(status=304, headers=headers)
    return web.Response(body=representation.body_in(encoding), headers=headers)
