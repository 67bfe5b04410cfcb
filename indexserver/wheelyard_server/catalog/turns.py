"""Long lists on the event loop: others have their turn now and then."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

ITEMS_AT_ONCE = 1000
"""Takes about a millisecond, with as much work for each as a comparison."""

T = TypeVar("T")


async def in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield all items, and let others have their turn of the event loop after every thousand."""
    for number, item in enumerate(items, 1):
        yield item
        if number % ITEMS_AT_ONCE == 0:
            await asyncio.sleep(0)
