"""Coalescing: concurrent requests for the same thing share one call."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedCalls(Generic[T]):
    """Calls by key, for answers that do not become outdated: a request shares the call in progress."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}

    async def __call__(self, key: str, call: Callable[[], Coroutine[object, object, T]]) -> T:
        """Return the result of a call in progress, or else of `call`; raise its error."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(call())
            task.add_done_callback(partial(self._ended, key))
        # A client that disconnects must not cancel the call of the others.
        return await asyncio.shield(task)

    def _ended(self, key: str, task: asyncio.Task[T]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # Retrieved, so that asyncio does not complain if all clients have disconnected.


class CoalescedCalls(Generic[T]):
    """Calls by key. A request shares the next call, never the one in progress.

    A call that began before a request may have read an outdated state. So requests that arrive
    during a call wait for the next one, together with all others that arrive until it starts.
    """

    def __init__(self, call: Callable[[str], Awaitable[T]]) -> None:
        self._call = call
        self._running: dict[str, asyncio.Task[T]] = {}
        self._next: dict[str, asyncio.Task[T]] = {}

    async def __call__(self, key: str) -> T:
        """Return the result of a call that began at or after this moment, or raise its error."""
        # A client that disconnects must not cancel the call of the others.
        return await asyncio.shield(self.next_call(key))

    def next_call(self, key: str) -> asyncio.Task[T]:
        """Return a call that begins at or after this moment. It is shared, so it must not be canceled."""
        task = self._next.get(key)
        if task is None:
            task = self._next[key] = asyncio.create_task(self._run(key, self._running.get(key)))
            task.add_done_callback(partial(self._ended, key))
        return task

    async def _run(self, key: str, previous: asyncio.Task[T] | None) -> T:
        if previous is not None:
            await asyncio.wait([previous])
        self._running[key] = self._next.pop(key)
        return await self._call(key)

    def _ended(self, key: str, task: asyncio.Task[T]) -> None:
        for calls in (self._running, self._next):
            if calls.get(key) is task:
                del calls[key]
        if not task.cancelled():
            task.exception()  # Retrieved, so that asyncio does not complain if all clients have disconnected.
