"""The number of requests that an upstream gets at a time, so that a slow one costs no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wheelyard_server.errors import UpstreamUnavailableError

WAIT_SECONDS = 10


class Slots:
    """Slots for requests of one kind."""

    def __init__(self, upstream: str, kind: str, count: int) -> None:
        self._upstream = upstream
        self._reason = f"is busy: {count} requests for {kind} are running"
        self._free = asyncio.Semaphore(count)

    async def take(self) -> None:
        """Wait for a slot; raise `UpstreamUnavailableError` if that takes too long."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise UpstreamUnavailableError(self._upstream, self._reason, WAIT_SECONDS) from None

    def release(self) -> None:
        """Give a slot back."""
        self._free.release()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a slot."""
        await self.take()
        try:
            yield
        finally:
            self.release()
