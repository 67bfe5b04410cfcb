"""A gate that lets work pass as long as the sizes of all that is inside stay below a bound."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager


class ByteGate:
    """Lets work of so many bytes pass at a time, in the order of arrival."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = self._free = max_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Wait until there is room for `size` bytes, and keep it; work that is too large passes alone."""
        size = min(size, self._max_bytes)
        await self._enter(size)
        try:
            yield
        finally:
            self._give_back(size)

    async def _enter(self, size: int) -> None:
        if not self._waiting and size <= self._free:
            self._free -= size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._leave_queue(size, turn)
            raise

    def _leave_queue(self, size: int, turn: "asyncio.Future[None]") -> None:
        """End waiting; the turn may have come at the same moment."""
        if turn.done() and not turn.cancelled():
            self._give_back(size)
        else:
            self._waiting.remove((size, turn))
            self._give_back(0)

    def _give_back(self, size: int) -> None:
        self._free += size
        while self._waiting and self._waiting[0][0] <= self._free:
            taken, turn = self._waiting.popleft()
            self._free -= taken
            turn.set_result(None)


class LanedGate:
    """A gate with a lane for small work, which does not wait behind large work."""

    def __init__(self, max_small: int, small_lane: int, large_lane: int) -> None:
        """Take the size up to which work is small, and the bound of each lane, in bytes."""
        self._max_small = max_small
        self._small, self._large = ByteGate(small_lane), ByteGate(large_lane)

    def room(self, size: int) -> AbstractAsyncContextManager[None]:
        """Wait until there is room in the lane of this work; see `ByteGate.room`."""
        return (self._small if size <= self._max_small else self._large).room(size)
