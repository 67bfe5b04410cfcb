"""A connection that offers each whole request to the fast lane, and the rest to aiohttp untouched."""

from collections.abc import Callable
from io import FileIO
from typing import Any

from aiohttp import web

from wheelyard_server.web.front.fast_lane import FastLane
from wheelyard_server.web.front.limited_connection import ConnectionLimits, LimitedConnection
from wheelyard_server.web.front.unsent import Unsent, UnsentBody
from wheelyard_server.web.http.sendfile import full_packets, sendfile

TURNS = 3
"""Turns of the event loop until aiohttp waits for its first request, or for the next one."""


class LaneConnection(LimitedConnection):
    """A client's connection, as `LaneClient` for the fast lane."""

    def __init__(
        self,
        server: web.Server,
        shared: ConnectionLimits,
        lane: FastLane | None,
        unsent: Unsent | None,
        **options: Any,
    ) -> None:
        super().__init__(server, shared, **options)
        self._lane = lane
        self._unsent = UnsentBody(unsent)
        self._lane_has_request = False
        self._next: bytes | None = None
        """What came while the lane had a request."""

    @property
    def is_idle(self) -> bool:
        """Whether the client has no request here, nor in the lane."""
        return not self._lane_has_request and super().is_idle

    def data_received(self, data: bytes) -> None:
        """Take what a client sends."""
        if self._lane is None or not self.is_at_a_beginning or not data:
            self.feed(data)  # aiohttp itself calls this without data, to parse what it has again.
        elif self._lane_has_request:
            self._pause()
            self._next = data
        elif self.waits_for_request:
            self._begin_request(data)
        elif not self.has_requests:
            # aiohttp is about to wait for a request. Fed now, it would be as late for the next one,
            # and so on.
            self._pause()
            self._loop.call_soon(self._begin_soon, data, TURNS)
        else:
            self.feed(data)

    def _begin_soon(self, data: bytes, turns: int) -> None:
        if self._wire is None:
            return
        if self.waits_for_request:
            self._resume()
            self._begin_request(data)
        elif turns:
            self._loop.call_soon(self._begin_soon, data, turns - 1)
        else:
            self._resume()
            self.feed(data)

    def _begin_request(self, data: bytes) -> None:
        if self._lane is not None and not self.writing_paused and self._lane.takes(self, data):
            self._lane_has_request = True
            self._headers.end()
        else:
            self.feed(data)

    def sender(self, forwarded_for: str) -> str:
        """See `LaneClient`."""
        return self._proxies.client(self._port, self._peer, (forwarded_for,)) if forwarded_for else self._peer

    def send(self, head: bytes, body: bytes = b"", sender: str = "") -> None:
        """See `LaneClient`."""
        wire = self._wire
        if wire is None or wire.is_closing():
            return
        if body:
            # First: the rest of the answer before, together with this head, may already be too
            # much.
            self._unsent.send(sender, body)
        wire.write(head)
        if body:
            # Not `writelines`: some versions of asyncio never report that it was too much
            # (CVE-2024-12254).
            wire.write(body)
        self._end_request()

    async def send_file(self, head: bytes, file: FileIO, size: int, began: Callable[[], None]) -> int:
        """See `LaneClient`."""
        wire, sent = self._wire, 0
        if wire is None or wire.is_closing():
            raise ConnectionResetError
        try:
            with full_packets(wire):
                wire.write(head)
                sent = await sendfile(wire, file, 0, size, began)
        finally:
            if sent < size:
                wire.abort()  # Only this can still show that it was not the whole file.
            elif self._wire is not None:
                self._end_request()
        return sent

    def pass_on(self, data: bytes) -> None:
        """See `LaneClient`."""
        if self._wire is not None:
            self.feed(data)
            self._end_request()

    def _end_request(self) -> None:
        """Take what came while the lane had a request."""
        self._idle.use()
        self._lane_has_request = False
        if self._next is not None:
            data, self._next = self._next, None
            self._resume()
            self.data_received(data)

    def pause_writing(self) -> None:
        """Count what the client does not take at once."""
        super().pause_writing()
        self._unsent.hold()

    def resume_writing(self) -> None:
        """Count it no longer."""
        super().resume_writing()
        self._unsent.release()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count nothing as unsent: it can never be sent."""
        self._unsent.release()
        super().connection_lost(exc)

    def check(self, now: float) -> None:
        """Forget what the client has taken; see `LimitedConnection.check`."""
        self._unsent.forget_taken()
        super().check(now)

    def _pause(self) -> None:
        if self._wire is not None:
            self._wire.pause_reading()

    def _resume(self) -> None:
        if self._wire is not None:
            self._wire.resume_reading()
