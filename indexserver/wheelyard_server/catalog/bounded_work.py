"""Work for many items, some of them at a time."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def for_each(
    items: AsyncIterable[T] | Iterable[T], work: Callable[[T], Awaitable[None]], at_once: int
) -> None:
    """Do the work for all items, `at_once` at a time; the first error stops everything."""
    limit = asyncio.Semaphore(at_once)

    async def limited(item: T) -> None:
        try:
            await work(item)
        finally:
            limit.release()

    try:
        async with asyncio.TaskGroup() as group:
            async for item in _iterated(items):
                await limit.acquire()
                group.create_task(limited(item))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _iterated(items: AsyncIterable[T] | Iterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
