"""The bookkeeping of a bounded cache: sizes by key, and what to evict. It moves no bytes itself."""

from collections import OrderedDict
from collections.abc import Mapping

MAX_SHARE_DIVISOR = 2
"""An entry larger than the budget divided by this is not cached: it would evict all others."""


class LruBudget:
    """Sizes by key, within a budget, the least recently used first."""

    def __init__(self, max_bytes: int, kept: Mapping[str, int]) -> None:
        self._max_bytes = max_bytes
        self._kept = OrderedDict(kept)
        self._kept_bytes = sum(self._kept.values())
        self._reserved_bytes = 0

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def use(self, key: str) -> None:
        """Record a use of this key."""
        if key in self._kept:
            self._kept.move_to_end(key)

    def can_reserve(self, size: int) -> bool:
        """Return whether this many bytes can be reserved now."""
        return size <= self._max_bytes // MAX_SHARE_DIVISOR and self._reserved_bytes + size <= self._max_bytes

    def reserve(self, size: int) -> list[str]:
        """Reserve bytes, after `can_reserve`; return the keys to evict."""
        self._reserved_bytes += size
        evicted = []
        while self._kept and self._kept_bytes + self._reserved_bytes > self._max_bytes:
            key, freed = self._kept.popitem(last=False)
            self._kept_bytes -= freed
            evicted.append(key)
        return evicted

    def release(self, size: int) -> None:
        """Give back reserved bytes."""
        self._reserved_bytes -= size

    def keep(self, key: str, size: int) -> None:
        """Record a new entry, as the most recently used one."""
        self.forget(key)
        self._kept[key] = size
        self._kept_bytes += size

    def forget(self, key: str) -> None:
        """Record that an entry is gone, if it existed."""
        self._kept_bytes -= self._kept.pop(key, 0)
