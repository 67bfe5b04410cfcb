"""Long loops on the event loop that regularly yield to other tasks."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

ITEMS_AT_ONCE = 1000
"""Takes about a millisecond if the work per item is a comparison."""

T = TypeVar("T")


async def in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield all items, and let other tasks run after every thousand."""
    for number, item in enumerate(items, 1):
        yield item
        if number % ITEMS_AT_ONCE == 0:
            await asyncio.sleep(0)
