"""The gate in front of the parsers."""

import asyncio

import pytest

from wheelyard_server.upstream.pages.byte_gate import ByteGate, LanedGate

Gate = ByteGate | LanedGate


class Work:
    """Work that passes a gate and ends on request."""

    def __init__(self, gate: Gate, size: int) -> None:
        self._inside = False
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._run(gate, size))

    async def _run(self, gate: Gate, size: int) -> None:
        async with gate.room(size):
            self._inside = True
            await self._end.wait()

    def is_inside(self) -> bool:
        return self._inside

    async def end(self) -> None:
        self._end.set()
        await self.task
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def works(gate: Gate, *sizes: int) -> list[Work]:
    started = [Work(gate, size) for size in sizes]
    await settled()
    return started


async def test_work_passes_up_to_the_bound_in_the_order_of_arrival() -> None:
    first, second, large, small = await works(ByteGate(10), 5, 5, 10, 1)
    assert [work.is_inside() for work in (first, second, large, small)] == [True, True, False, False]
    await first.end()
    assert not large.is_inside()
    assert not small.is_inside()
    await second.end()
    assert large.is_inside()
    await large.end()
    assert small.is_inside()
    await small.end()


async def test_small_work_does_not_wait_behind_large_work() -> None:
    gate = LanedGate(2, 4, 10)
    large, larger, *small, third = await works(gate, 10, 3, 2, 2, 1)
    assert [work.is_inside() for work in (large, larger, *small, third)] == [True, False, True, True, False]
    await small[0].end()
    assert third.is_inside()
    assert not larger.is_inside()
    await large.end()
    assert larger.is_inside()
    for work in (larger, small[1], third):
        await work.end()


async def test_work_that_is_too_large_passes_alone() -> None:
    small, large = await works(ByteGate(10), 1, 100)
    assert not large.is_inside()
    await small.end()
    assert large.is_inside()
    await large.end()


async def test_canceled_work_gives_its_place_to_the_next() -> None:
    gate = ByteGate(10)
    first, large, small = await works(gate, 5, 10, 5)
    large.task.cancel()
    await settled()
    assert small.is_inside()
    first.task.cancel()
    await settled()
    (whole,) = await works(gate, 5)
    assert whole.is_inside()
    await small.end()
    await whole.end()


async def test_work_that_is_canceled_when_its_turn_comes_takes_no_room() -> None:
    gate = ByteGate(10)
    first, second = await works(gate, 10, 10)
    first._end.set()
    await first.task
    second.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second.task
    (third,) = await works(gate, 10)
    assert third.is_inside()
    await third.end()
