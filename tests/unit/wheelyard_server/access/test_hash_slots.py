import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from wheelyard_server.access.hash_slots import MAX_MEMORY, SLOT_MEMORY, HashSlots, memory_for_hashes

OURS = 19 * 1024**2


class Crowd:
    """Takes slots for clients, and notes which clients have one and in which order they got it."""

    def __init__(self, slots: HashSlots) -> None:
        self.slots = slots
        self.go = asyncio.Event()
        self.inside: list[str] = []
        self.memory = 0
        self.max_memory = 0

    async def visit(self, name: str, memory: int = OURS) -> None:
        async with self.slots.reserve(name, memory):
            self.inside.append(name)
            self.memory += memory
            self.max_memory = max(self.max_memory, self.memory)
            await self.go.wait()
            await asyncio.sleep(0)
            self.memory -= memory

    async def come(self, names: Iterable[str], memory: int = OURS) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.visit(name, memory)) for name in names]
        for _ in range(20):
            await asyncio.sleep(0)
        return tasks


@pytest.mark.parametrize(
    ("memory", "processors", "slots"),
    [(MAX_MEMORY, 1, 1), (MAX_MEMORY, 2, 2), (MAX_MEMORY, 64, 3), (MAX_MEMORY // 2, 64, 1), (1, 64, 1)],
)
def test_slots_are_those_of_processors_and_memory(memory: int, processors: int, slots: int) -> None:
    assert HashSlots(memory, processors).slots == slots


async def test_one_of_a_name_at_a_time_and_others_in_the_order_of_coming() -> None:
    crowd = Crowd(HashSlots(processors=2))
    tasks = await crowd.come(["a", "a", "a", "b", "c", "d"])
    assert crowd.inside == ["a", "b"]
    crowd.go.set()
    await asyncio.gather(*tasks)
    assert crowd.inside.index("c") < 4
    assert sorted(crowd.inside) == ["a", "a", "a", "b", "c", "d"]
    assert crowd.slots._names == {}


async def test_never_more_memory_than_there_is() -> None:
    crowd = Crowd(HashSlots(processors=8))
    light, heavy = await crowd.come("abcdef"), await crowd.come("ghi", MAX_MEMORY)
    later = await crowd.come("jkl")
    crowd.go.set()
    await asyncio.gather(*light, *heavy, *later)
    assert crowd.max_memory <= MAX_MEMORY
    assert len(crowd.inside) == 12


async def test_a_canceled_waiter_holds_no_slot() -> None:
    crowd = Crowd(HashSlots(processors=2))
    tasks = await crowd.come(["a", "b", "c"])
    heavy = await crowd.come(["d"], 2 * SLOT_MEMORY)
    tasks[2].cancel()
    heavy[0].cancel()
    crowd.go.set()
    await asyncio.gather(*tasks, *heavy, return_exceptions=True)
    after = await crowd.come(["e", "f"])
    assert crowd.inside == ["a", "b", "e", "f"]
    await asyncio.gather(*after)


@pytest.mark.parametrize(
    ("limit", "processes", "bytes_"),
    [
        ("max", 1, MAX_MEMORY),
        (str(512 * 1024**2), 1, MAX_MEMORY),
        (str(128 * 1024**2), 1, 32 * 1024**2),
        (str(128 * 1024**2), 2, 16 * 1024**2),
        (None, 2, MAX_MEMORY // 2),
    ],
)
def test_memory_by_what_the_cgroup_allows(tmp_path: Path, limit: str | None, processes: int, bytes_: int) -> None:
    path = tmp_path / "memory.max"
    if limit is not None:
        path.write_text(limit + "\n")
    assert memory_for_hashes(processes, (tmp_path / "absent", path)) == bytes_
