"""A bounded space: what is in it, and what has to go to make room. No bytes are moved here."""

from collections import OrderedDict
from collections.abc import Mapping

MAX_SHARE_DIVISOR = 2
"""What is larger than the whole divided by this is not taken: it would cost all others their place."""


class LruBudget:
    """Sizes by key, the least recently used first."""

    def __init__(self, max_bytes: int, kept: Mapping[str, int]) -> None:
        self._max_bytes = max_bytes
        self._kept = OrderedDict(kept)
        self._kept_bytes = sum(self._kept.values())
        self._reserved_bytes = 0

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def use(self, key: str) -> None:
        """Note that this is used now."""
        if key in self._kept:
            self._kept.move_to_end(key)

    def can_reserve(self, size: int) -> bool:
        """Return whether so many bytes can be reserved now."""
        return size <= self._max_bytes // MAX_SHARE_DIVISOR and self._reserved_bytes + size <= self._max_bytes

    def reserve(self, size: int) -> list[str]:
        """Reserve bytes that it `takes`; return what has to go for them."""
        self._reserved_bytes += size
        evicted = []
        while self._kept and self._kept_bytes + self._reserved_bytes > self._max_bytes:
            key, freed = self._kept.popitem(last=False)
            self._kept_bytes -= freed
            evicted.append(key)
        return evicted

    def release(self, size: int) -> None:
        """Return back what was reserved."""
        self._reserved_bytes -= size

    def keep(self, key: str, size: int) -> None:
        """Note that this is here now, used last of all."""
        self.forget(key)
        self._kept[key] = size
        self._kept_bytes += size

    def forget(self, key: str) -> None:
        """Note that this is not here any more, if it was."""
        self._kept_bytes -= self._kept.pop(key, 0)
