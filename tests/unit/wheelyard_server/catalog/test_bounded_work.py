import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from wheelyard_server.catalog.bounded_work import for_each


class Work:
    """Notes what begins, and ends when it is let."""

    def __init__(self, failing: Iterable[int] = ()) -> None:
        self.begun: list[int] = []
        self.running = self.most = 0
        self._failing = set(failing)

    async def __call__(self, item: int) -> None:
        self.begun.append(item)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
            if item in self._failing:
                raise ValueError(item)
            await asyncio.sleep(0)
        finally:
            self.running -= 1


async def listed(items: Iterable[int]) -> AsyncIterator[int]:
    for item in items:
        yield item


async def test_all_items_are_worked_on_and_no_more_than_some_at_once() -> None:
    for items in (range(10), listed(range(10))):
        work = Work()
        await for_each(items, work, 3)
        assert (sorted(work.begun), work.most, work.running) == (list(range(10)), 3, 0)


async def test_an_error_stops_all_other_work() -> None:
    work = Work(failing=[1])
    with pytest.raises(ValueError, match="1"):
        await for_each(range(1_000), work, 3)
    assert work.running == 0
    assert len(work.begun) < 10
