"""Slots for slow password hashes, bounded by processors and memory, and one at a time per user."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

MAX_MEMORY = 64 * 1024**2
"""Maximum memory of all hashes in progress, in bytes."""
SLOT_MEMORY = MAX_MEMORY // 3
"""Memory of one slot, in bytes: a hash of our own takes 19 MiB."""
_SHARE_DIVISOR = 4
"""Hashes may use the cgroup's memory limit divided by this."""
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""The memory limit in cgroups v2 and v1, as the process sees its own."""


class HashSlots:
    """Slots, granted in order of arrival. Many guesses for one user name delay only each other."""

    def __init__(self, memory: int = MAX_MEMORY, processors: int | None = None) -> None:
        """`memory` is the maximum of all hashes together, in bytes."""
        self.memory = memory
        self.slots = max(1, min(processors or count_processors(), memory // SLOT_MEMORY))
        self._free = asyncio.Semaphore(self.slots)
        self._order = asyncio.Lock()
        self._names: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def reserve(self, name: str, memory: int) -> AsyncIterator[None]:
        """Wait for the slots of a hash of `memory` bytes, behind others of this name, then in order of arrival."""
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
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_for_hashes(processes: int = 1, limits: tuple[Path, ...] = _LIMITS) -> int:
    """Return the bytes that each of `processes` may use for hashes, according to the cgroup's limit."""
    for path in limits:
        with suppress(OSError, ValueError):
            return min(MAX_MEMORY, int(path.read_text()) // _SHARE_DIVISOR) // processes
    return MAX_MEMORY // processes
