"""Long work in short slices in a thread, so that the event loop never waits long for it.

A thread that runs C code keeps the interpreter lock until that code returns, so a thread alone is
not enough: each call must be short, too. There is one thread, because several would take turns with
the lock, and the event loop would wait for each (ADR 27).
"""

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

Slices = Generator[None, None, T]
"""Work that yields after each slice of about a millisecond, and returns its result."""

_FREED_AT_ONCE = 2_000
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="sliced")


async def in_slices(work: Slices[T]) -> T:
    """Return the result of the work. All such works take turns, slice by slice.

    If the caller is canceled, the work ends after the current slice.
    """
    loop = asyncio.get_running_loop()
    while True:
        ended = await loop.run_in_executor(_THREAD, _advance, work)
        if ended is not None:
            return ended[0]


async def freed(items: list[T]) -> None:
    """Empty a list that has the last references to its items: to free 50,000 of them at once takes 20 ms."""
    if len(items) > _FREED_AT_ONCE:
        await in_slices(emptied(items))


def emptied(items: list[T]) -> Slices[None]:
    """Do the same in slices."""
    while items:
        del items[-_FREED_AT_ONCE:]
        yield


def at_once(work: Slices[T]) -> T:
    """Return the result of work that is so little that it needs no thread."""
    while True:
        ended = _advance(work)
        if ended is not None:
            return ended[0]


def _advance(work: Slices[T]) -> tuple[T] | None:
    """Run one slice; return the result, in a tuple, if that was the last one."""
    try:
        next(work)
    except StopIteration as end:
        return (end.value,)
    return None
