"""Room for slow hashes: as many at a time as processors and memory bear, and one at a time for each user."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

MAX_MEMORY = 64 * 1024**2
"""Bytes, of all hashes that are verified at a time."""
SLOT_MEMORY = MAX_MEMORY // 3
"""What a slot has: a hash of our own takes 19 MiB."""
_PART_OF_LIMIT = 4
"""Of the memory that the cgroup allows, hashes may have one such part."""
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Of cgroups v2 and v1, as the process sees its own."""


class HashSlots:
    """Slots. Whoever waits is served in turn, so that a name with many guesses waits behind itself alone."""

    def __init__(self, memory: int = MAX_MEMORY, processors: int | None = None) -> None:
        """`memory` in bytes, of all hashes together."""
        self.memory = memory
        self.slots = max(1, min(processors or count_processors(), memory // SLOT_MEMORY))
        self._free = asyncio.Semaphore(self.slots)
        self._order = asyncio.Lock()
        self._names: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def reserve(self, name: str, memory: int) -> AsyncIterator[None]:
        """Wait for room for a hash of `memory` bytes: behind others of this name, then in the order of coming."""
        self._waiting[name] += 1
        lock = self._names.setdefault(name, asyncio.Lock())
        try:
            async with lock, AsyncExitStack() as stack:
                async with self._order:
                    for _ in range(min(self.slots, max(1, -(-memory // SLOT_MEMORY)))):
                        await stack.enter_async_context(self._free)
                yield
        finally:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                del self._waiting[name], self._names[name]


def count_processors() -> int:
    """Return how many this process may use, which may be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_for_hashes(processes: int = 1, limits: tuple[Path, ...] = _LIMITS) -> int:
    """Return the bytes that each of so many processes may use at a time, by what the cgroup allows."""
    for path in limits:
        with suppress(OSError, ValueError):
            return min(MAX_MEMORY, int(path.read_text()) // _PART_OF_LIMIT) // processes
    return MAX_MEMORY // processes
