"""Work in slices."""

import asyncio
import threading

import pytest

from wheelyard_server.sliced import Slices, at_once, emptied, freed, in_slices


def work(slices: int, seen: list[int] | None = None) -> Slices[str]:
    for number in range(slices):
        if seen is not None:
            seen.append(number)
        yield
    return "done"


def failing() -> Slices[None]:
    yield
    raise ValueError("x")


@pytest.mark.parametrize("slices", [0, 1, 3])
async def test_work_returns_its_result(slices: int) -> None:
    assert await in_slices(work(slices)) == "done"
    assert at_once(work(slices)) == "done"


async def test_work_may_fail_in_any_slice() -> None:
    with pytest.raises(ValueError, match="x"):
        await in_slices(failing())
    with pytest.raises(ValueError, match="x"):
        at_once(failing())


async def test_works_take_turns_in_one_other_thread() -> None:
    turns: list[tuple[str, int]] = []

    def noted(name: str) -> Slices[None]:
        for _ in range(3):
            turns.append((name, threading.get_ident()))
            yield

    await asyncio.gather(in_slices(noted("a")), in_slices(noted("b")))
    assert [name for name, _ in turns] == ["a", "b", "a", "b", "a", "b"]
    assert len({thread for _, thread in turns} - {threading.get_ident()}) == 1


async def test_canceled_work_ends_after_its_slice() -> None:
    seen: list[int] = []
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def long() -> Slices[None]:
        loop.call_soon_threadsafe(started.set)
        yield from work(10**9, seen)

    task = asyncio.create_task(in_slices(long()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await in_slices(work(1))
    count = len(seen)
    await in_slices(work(1))
    assert len(seen) == count


class Freed:
    """Notes in which thread it is freed."""

    def __init__(self, threads: list[int]) -> None:
        self._threads = threads

    def __del__(self) -> None:
        self._threads.append(threading.get_ident())


async def test_many_objects_are_freed_in_slices_in_the_other_thread() -> None:
    threads: list[int] = []
    await freed([Freed(threads) for _ in range(5_001)])
    assert len(threads) == 5_001
    assert threading.get_ident() not in threads


def test_each_slice_frees_a_part() -> None:
    threads: list[int] = []
    work = emptied([Freed(threads) for _ in range(5_001)])
    assert [len(threads) for _ in work] == [2_000, 4_000, 5_001]


async def test_few_objects_are_left_to_their_owner() -> None:
    items = list(range(100))
    await freed(items)
    assert len(items) == 100
