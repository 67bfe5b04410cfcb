"""The budget for large answers that clients have not read yet; they are sent in pieces (ADR 27)."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload
from aiohttp.typedefs import Handler

from wheelyard_server.errors import BusyError
from wheelyard_server.web.http.proxies import client_of

PIECE_BYTES = 64 * 1024
"""A larger body is sent in such pieces, each when the client has read most of those before."""

AT_ONCE_DIVISOR = 8
"""A body that is written at once is no larger than this part of the budget of an address."""

Body = bytes | memoryview
"""A shared body, or a view of it that stands for a copy: each view counts by itself."""


@dataclass(slots=True)
class _Bodies:
    """Bodies by identity: a body that many clients wait for is in memory once."""

    size: int = 0
    _holders: Counter[int] = field(default_factory=Counter)

    def holds(self, body: Body) -> bool:
        return id(body) in self._holders

    def add(self, body: Body) -> None:
        self.size += 0 if self.holds(body) else len(body)
        self._holders[id(body)] += 1

    def remove(self, body: Body) -> None:
        self._holders[id(body)] -= 1
        if not self._holders[id(body)]:
            del self._holders[id(body)]
            self.size -= len(body)


class Unsent:
    """The bodies that are held for clients, in one process and for each address."""

    def __init__(self, max_bytes: int, max_bytes_per_address: int) -> None:
        self._max, self._max_per_address = max_bytes, max_bytes_per_address
        self._all = _Bodies()
        self._of_address: defaultdict[str, _Bodies] = defaultdict(_Bodies)

    @property
    def size(self) -> int:
        """How many bytes are held."""
        return self._all.size

    def has_room(self, address: str, body: Body) -> bool:
        """Return whether a body may be held for a client. The only one may, however large it is."""
        own = self._of_address.get(address, _Bodies())
        return _fits(own, body, self._max_per_address) and _fits(self._all, body, self._max)

    def has_room_at_once(self, address: str, body: Body) -> bool:
        """Return whether a body may be written at once: it is small, and no other is held for the address."""
        return (
            address not in self._of_address
            and len(body) <= self._max_per_address // AT_ONCE_DIVISOR
            and self.has_room(address, body)
        )

    def hold(self, address: str, body: Body) -> None:
        """Count a body until it is released; the caller keeps a reference to it."""
        self._all.add(body)
        self._of_address[address].add(body)

    def release(self, address: str, body: Body) -> None:
        """Count a body no longer."""
        self._all.remove(body)
        own = self._of_address[address]
        own.remove(body)
        if not own.size:
            del self._of_address[address]

    @contextmanager
    def held(self, address: str, body: Body) -> Iterator[None]:
        """Hold a body for as long as the block runs."""
        self.hold(address, body)
        try:
            yield
        finally:
            self.release(address, body)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Send a large body piece by piece; raise `BusyError` if too many are held."""
        response = await handler(request)
        if not isinstance(response, web.Response) or request.method == hdrs.METH_HEAD:
            return response
        body = response.body
        if isinstance(body, bytes) and len(body) > PIECE_BYTES:
            address = client_of(request)
            if not self.has_room(address, body):
                raise BusyError("Too many answers wait to be read: read the answers to earlier requests first")
            response.body = InPieces(body, self, address)
            response.headers[hdrs.CONTENT_LENGTH] = str(len(body))
        return response


def _fits(held: _Bodies, body: Body, max_bytes: int) -> bool:
    return held.size == 0 or held.holds(body) or held.size + len(body) <= max_bytes


class UnsentBody:
    """The last large body sent on one connection, counted until the client has read it."""

    def __init__(self, unsent: Unsent | None) -> None:
        self._unsent = unsent
        self._last: tuple[str, bytes] | None = None
        """The client's address, and the body."""
        self._is_held = False

    def send(self, address: str, body: bytes) -> None:
        """Remember a body that is about to be sent."""
        self._last = address, body

    def hold(self) -> None:
        """Count it: the client has not taken it at once."""
        if self._last is not None and self._unsent is not None:
            self._unsent.hold(*self._last)
            self._is_held = True

    def release(self) -> None:
        """Count it no longer."""
        last, self._last = self._last, None
        if self._is_held and last is not None and self._unsent is not None:
            self._unsent.release(*last)
        self._is_held = False

    def forget_taken(self) -> None:
        """Give up the reference to a body that the client has taken."""
        if not self._is_held:
            self._last = None


class InPieces(Payload):
    """A body that is written in pieces: the connection copies what the client does not read."""

    def __init__(self, body: bytes, unsent: Unsent, address: str) -> None:
        super().__init__(body)
        self._size = len(body)
        self._body, self._unsent, self._address = body, unsent, address

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text."""
        return self._body.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the body, at once if it may be copied, and else in pieces."""
        view = memoryview(self._body)
        size = PIECE_BYTES
        counted: Body = self._body
        if self._unsent.has_room_at_once(self._address, view):
            # One piece is faster. The connection may copy it, so it counts even if the body itself
            # is shared.
            size, counted = len(view), view
        with self._unsent.held(self._address, counted):
            for start in range(0, len(view), size):
                await writer.write(view[start : start + size])
            await writer.drain()


UNSENT = web.AppKey("unsent", Unsent)
