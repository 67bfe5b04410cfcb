"""Conditional GETs of a bucket's objects, sent from the event loop itself, with signatures that are reused.

Nearly every read of a bucket concerns a project document that has not changed. Through obstore,
such a read goes to another thread and is signed again, which costs more processor time than ten
pages. Here it is a GET with `If-None-Match` and a presigned URL, whose signature is reused, on a
persistent connection.

Only a 304 counts. After any other answer, an error or a timeout, the object is read in the ordinary
way, and that read decides. So a wrong or expired signature makes an answer slower, never wrong.
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
from wheelyard_server.tls import client_context

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""Timeout, including the time to connect. An ordinary read follows."""
PAUSE_SECONDS = 60.0
"""Pause after S3 refused a request or could not be reached."""
IDLE_SECONDS = 20.0
"""A connection that was idle for longer may be dead without our knowing."""
SIGNED_SECONDS = 120.0
"""How long a signature is reused. It is valid for longer."""
_SIGNATURES, _CONNECTIONS = 4096, 64
"""Maximum number of signatures in memory, and of open connections."""
_ANSWER_BYTES = 16 * 1024
_END = b"\r\n\r\n"

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})[ \r]")
_ENDS_THE_CONNECTION = re.compile(
    rb"\r\n(?:connection:[^\r]*close|content-length:[ \t]*[1-9]|transfer-encoding:)", re.IGNORECASE
)
"""The server closes the connection, or announces a body, which a 304 cannot have. Where the next
answer begins would be a guess."""
_PLAIN = re.compile(r"[!-~]+")

Sign = Callable[[str], Awaitable[str]]
"""Returns a URL that allows reading an object for longer than `SIGNED_SECONDS`."""


class _NoAnswerError(OSError):
    """No answer came, which is not an error: the server may close a persistent connection at any moment."""


@dataclass(slots=True)
class _SignedRequest:
    """A GET of one object, with its signature."""

    host: str
    port: int
    is_secure: bool
    head: bytes
    """The request without its condition."""
    until: float
    """When the signature is renewed, by the event loop's clock."""
    etag: ETag | None = None
    whole: bytes = b""
    outdated: ETag | None = None
    """The ETag that the object is known to have lost: the read that follows need not check
    again."""

    def if_none_match(self, etag: ETag) -> bytes:
        """Return the request, to be answered with a 304 while the object has this ETag."""
        if etag != self.etag:
            if not _PLAIN.fullmatch(etag):
                raise ValueError("not a plain ETag")
            self.etag, self.whole = etag, self.head + f"If-None-Match: {etag}\r\n\r\n".encode("ascii")
        return self.whole


class _Answer(NamedTuple):
    status: int
    connection_is_clean: bool
    """No more bytes of this answer can arrive."""


@dataclass(eq=False)
class _Connection(asyncio.Protocol):
    """A connection for one request at a time."""

    lost: Callable[["_Connection"], None]
    idle_since: float = 0
    _wire: asyncio.Transport | None = field(default=None, init=False)
    """None before the connection is made."""
    _answer: asyncio.Future[_Answer] | None = field(default=None, init=False)
    _received: bytes = field(default=b"", init=False)

    @property
    def is_open(self) -> bool:
        """Return whether another request can be sent."""
        return self._wire is not None and not self._wire.is_closing()

    async def ask(self, request: bytes) -> _Answer:
        """Send a request and return its answer; raise `_NoAnswerError` if none comes.

        If the caller is canceled, the connection is closed.
        """
        assert self._wire is not None  # noqa: S101 - callers get it after that
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
        """Close the connection immediately."""
        if self._wire is not None:
            self._wire.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._wire = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it.

    def data_received(self, data: bytes) -> None:
        """Receive the answer; data without a request closes the connection."""
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
    """Parse an answer up to the end of its headers, and check that nothing follows."""
    head, _, rest = received.partition(_END)
    match = _STATUS.match(head + b"\r")
    status = int(match[1]) if match else 0
    return _Answer(status, status == 304 and not rest and not _ENDS_THE_CONNECTION.search(head))


class ConditionalGets:
    """Checks whether objects of one bucket have changed."""

    def __init__(self, sign: Sign, authorities: str = "") -> None:
        """Trust these authorities (PEM) in addition to the public ones."""
        self._sign = sign
        self._authorities = authorities
        self._tls: ssl.SSLContext | None = None
        self._requests: dict[str, _SignedRequest] = {}
        self._open: set[_Connection] = set()
        self._idle: list[_Connection] = []
        self._paused_until = 0.0

    async def is_unchanged(self, key: str, etag: ETag) -> bool:
        """Return whether an object still has this ETag; False: only a read shows it."""
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
        """Return the connection that was used last, unless it was idle for too long."""
        if self._idle and now - self._idle[-1].idle_since > IDLE_SECONDS:
            for each in self._idle:
                each.close()
            self._idle.clear()
        return self._idle.pop() if self._idle else None

    async def _connected(self, request: _SignedRequest) -> _Connection:
        if len(self._open) >= _CONNECTIONS:
            raise _NoAnswerError("too many connections")
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
        self._tls = self._tls or client_context(self._authorities)
        return self._tls

    def _lost(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _pause(self, now: float, reason: str) -> None:
        log.info("Conditional GETs pause for %g s, ordinary reads take over: %s", PAUSE_SECONDS, reason)
        self._paused_until = now + PAUSE_SECONDS
        # They may have been signed with credentials that have changed since.
        self._requests.clear()


def _signed_request(url: str, until: float) -> _SignedRequest:
    """Return the request for a presigned URL; raise `ValueError` for a URL that obstore would not make."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    is_secure = parts.scheme == "https"
    if parts.hostname is None or not (is_secure or parts.scheme == "http"):
        raise ValueError("not a URL of HTTP")
    if not (_PLAIN.fullmatch(target) and _PLAIN.fullmatch(parts.netloc)):
        raise ValueError("not a plain URL")
    # A shared cache leaves requests with an Authorization header alone, but might answer this one.
    head = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: wheelyard\r\nCache-Control: no-cache\r\n"
    return _SignedRequest(
        parts.hostname, parts.port or (443 if is_secure else 80), is_secure, head.encode("ascii"), until
    )
