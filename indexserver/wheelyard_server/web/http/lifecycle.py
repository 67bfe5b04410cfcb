"""When the process serves requests, and when the last one has been answered."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

PROBES = "/-/"
"""Below this path are the probes that Kubernetes sends every few seconds."""


class Lifecycle:
    """Whether this process is starting, ready or draining, and how many requests are running."""

    def __init__(self) -> None:
        self.started = False
        """The storage was reached and belongs to this index."""
        self.draining = False
        """No new requests should be sent here."""
        self._running = 0
        self._ended = asyncio.Event()

    @property
    def reason_not_ready(self) -> str | None:
        """Why no requests should be sent here; None if the server is ready."""
        if self.draining:
            return "shutting down"
        return None if self.started else "the storage has not been reached yet"

    async def wait_until_idle(self, seconds: float) -> None:
        """Wait until no request is running, but no longer than this.

        aiohttp's own shutdown cannot be used for this: it stops reading from its connections at
        once, so running uploads could never end.
        """
        try:
            async with asyncio.timeout(seconds):
                while self._running:
                    self._ended.clear()
                    await self._ended.wait()
        except TimeoutError:
            return

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count the request; refuse it while the storage may belong to another index."""
        if not self.started and not request.path.startswith(PROBES):
            raise web.HTTPServiceUnavailable(text=self.reason_not_ready, headers={"Retry-After": "2"})
        with self.running():
            return await handler(request)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count a request as running for as long as the block runs."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._ended.set()

    async def close_when_draining(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Ask clients that keep their connection to open the next one elsewhere."""
        if self.draining:
            # aiohttp has already decided on its own headers when this signal comes.
            response.headers["Connection"] = "close"
            response.force_close()


LIFECYCLE = web.AppKey("lifecycle", Lifecycle)
