"""Whether an object in a bucket is still what is known of it, asked on the event loop itself.

Nearly every read of a bucket is of a project's document that has not changed. Through obstore the question goes to
another thread and is signed anew, which costs more processor time than ten pages. Here it is a GET with
`If-None-Match` by a presigned URL, whose signature serves again, on a connection that is kept.

Only a 304 is understood. Whatever else comes, goes wrong or takes long tells nothing: the object is then read as
any other, and that decides. So a wrong or expired signature makes an answer slower, never wrong.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.storage import ETag

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""Connecting included; a read takes it from there."""
PAUSE_SECONDS = 60.0
"""So long nothing is asked here after S3 refused, or could not be reached."""
IDLE_SECONDS = 20.0
"""A connection that nobody used for longer may be dead without our knowing."""
SIGNED_SECONDS = 120.0
"""A signature serves for so long; it is good for longer."""
_SIGNATURES, _CONNECTIONS = 4096, 64
"""As many are kept, and open, at most."""
_ANSWER_BYTES = 16 * 1024
_END = b"\r\n\r\n"

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})[ \r]")
_ENDS_THE_CONNECTION = re.compile(
    rb"\r\n(?:connection:[^\r]*close|content-length:[ \t]*[1-9]|transfer-encoding:)", re.IGNORECASE
)
"""The server's will, or an announced body, which a 304 has not: where the next answer begins would be a guess."""
_PLAIN = re.compile(r"[!-~]+")

Sign = Callable[[str], Awaitable[str]]
"""Returns a URL by which an object may be read for `SIGNED_SECONDS` and longer."""


class _NoAnswerError(OSError):
    """There is none, though nothing is wrong: the server may close a connection that is kept at any moment."""


@dataclass(slots=True)
class _SignedRequest:
    """A GET of one object, as long as its signature is good."""

    host: str
    port: int
    is_secure: bool
    head: bytes
    """Without the condition."""
    until: float
    etag: ETag | None = None
    whole: bytes = b""
    outdated: ETag | None = None
    """What the object had before it was seen to have changed: whoever reads it then need not ask again."""

    def if_none_match(self, etag: ETag) -> bytes:
        """Return the request whose answer is 304 as long as the ETag is `known`."""
        if etag != self.etag:
            if not _PLAIN.fullmatch(etag):
                raise ValueError("no plain ETag")
            self.etag, self.whole = etag, self.head + f"If-None-Match: {etag}\r\n\r\n".encode("ascii")
        return self.whole


class _Answer(NamedTuple):
    status: int
    connection_is_clean: bool
    """Nothing of this answer can come any more."""


@dataclass(eq=False)
class _Connection(asyncio.Protocol):
    """A connection for one question at a time."""

    lost: Callable[["_Connection"], None]
    idle_since: float = 0
    _wire: asyncio.Transport | None = field(default=None, init=False)
    """None: not connected yet."""
    _answer: asyncio.Future[_Answer] | None = field(default=None, init=False)
    _received: bytes = field(default=b"", init=False)

    @property
    def is_open(self) -> bool:
        """Return whether another question can be asked."""
        return self._wire is not None and not self._wire.is_closing()

    async def ask(self, request: bytes) -> _Answer:
        """Send a request and wait for its answer; `_NoAnswerError` if none comes. Given up, the connection ends."""
        assert self._wire is not None  # noqa: S101 - nobody has it before
        self._answer, self._received = asyncio.get_running_loop().create_future(), b""
        self._wire.write(request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._answer = None

    def close(self) -> None:
        """Leave it at once."""
        if self._wire is not None:
            self._wire.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._wire = cast("asyncio.Transport", transport)  # uvloop's are none by inheritance.

    def data_received(self, data: bytes) -> None:
        """Take the answer; what nobody asked for ends the connection."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        self._received += data
        if _END in self._received:
            self._answer.set_result(_read(self._received))
        elif len(self._received) > _ANSWER_BYTES:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """See `asyncio.Protocol`."""
        self.lost(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(_NoAnswerError("closed without an answer"))


def _read(received: bytes) -> _Answer:
    """Read an answer up to the end of its headers, and see whether that is all of it."""
    head, _, rest = received.partition(_END)
    match = _STATUS.match(head + b"\r")
    status = int(match[1]) if match else 0
    return _Answer(status, status == 304 and not rest and not _ENDS_THE_CONNECTION.search(head))


class ConditionalGets:
    """Asks about the objects of one bucket."""

    def __init__(self, sign: Sign, authorities: str = "") -> None:
        """Trust these authorities (PEM) besides the public ones."""
        self._sign = sign
        self._authorities = authorities
        self._tls: ssl.SSLContext | None = None
        self._requests: dict[str, _SignedRequest] = {}
        self._open: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._paused_until = 0.0

    async def is_unchanged(self, key: str, etag: ETag) -> bool:
        """Return whether an object's ETag is still `known`. False: only reading it tells."""
        now = asyncio.get_running_loop().time()
        if now < self._paused_until:
            return False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status = await self._status(key, etag, now)
        except _NoAnswerError:
            return False
        except (OSError, StorageUnavailableError, ValueError) as error:
            self._pause(now, type(error).__name__)
            return False
        if status not in {200, 304, 404}:
            self._pause(now, f"HTTP {status}")
        return status == 304

    def close(self) -> None:
        """Close all connections."""
        for each in tuple(self._open):
            each.close()

    async def _status(self, key: str, etag: ETag, now: float) -> int:
        request = self._requests.get(key)
        if request is None or now > request.until:
            request = self._requests[key] = _signed_request(await self._sign(key), now + SIGNED_SECONDS)
            if len(self._requests) > _SIGNATURES:
                del self._requests[next(iter(self._requests))]
        if etag == request.outdated:
            return 200
        whole = request.if_none_match(etag)
        connection = self._idle_connection(now) or await self._connected(request)
        answer = await connection.ask(whole)
        if answer.connection_is_clean and connection.is_open:
            connection.idle_since = now
            self._idle.append(connection)
        else:
            connection.close()
        if answer.status == 200:
            request.outdated = etag
        return answer.status

    def _idle_connection(self, now: float) -> _Connection | None:
        """Return the connection that was used last, unless that is long ago."""
        if self._idle and now - self._idle[-1].idle_since > IDLE_SECONDS:
            for each in self._idle:
                each.close()
            self._idle.clear()
        return self._idle.pop() if self._idle else None

    async def _connected(self, request: _SignedRequest) -> _Connection:
        if len(self._open) >= _CONNECTIONS:
            raise _NoAnswerError("there are enough connections")
        connection = _Connection(self._lost)
        self._open.add(connection)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                request.host,
                request.port,
                ssl=self._tls_context() if request.is_secure else None,
            )
        except BaseException:
            self._open.discard(connection)
            raise
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        self._tls = self._tls or tls_context(self._authorities)
        return self._tls

    def _lost(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _pause(self, now: float, reason: str) -> None:
        log.info("Whether objects have changed is asked the slow way for %g s: %s", PAUSE_SECONDS, reason)
        self._paused_until = now + PAUSE_SECONDS
        # With other credentials than now, perhaps.
        self._requests.clear()


def tls_context(authorities: str) -> ssl.SSLContext:
    """Return what trusts the public authorities and these (PEM)."""
    context = ssl.create_default_context()
    if authorities:
        # Comments between them may have any letters.
        context.load_verify_locations(cadata=authorities.encode("ascii", "replace").decode())
    return context


def _signed_request(url: str, until: float) -> _SignedRequest:
    """Return the question that a presigned URL can be asked; ValueError for what no URL of ours looks like."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    is_secure = parts.scheme == "https"
    if parts.hostname is None or not (is_secure or parts.scheme == "http"):
        raise ValueError("no URL of HTTP")
    if not (_PLAIN.fullmatch(target) and _PLAIN.fullmatch(parts.netloc)):
        raise ValueError("no plain URL")
    # A cache on the way, which would leave signed requests alone, might take this one for public.
    head = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: wheelyard\r\nCache-Control: no-cache\r\n"
    return _SignedRequest(
        parts.hostname, parts.port or (443 if is_secure else 80), is_secure, head.encode("ascii"), until
    )
