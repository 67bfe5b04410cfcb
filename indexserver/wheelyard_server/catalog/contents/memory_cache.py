"""A cache in memory, bounded by bytes: a bounded count would ignore that some projects have 20,000 files."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Kept(NamedTuple, Generic[V]):
    value: V
    size: int


class MemoryCache(Generic[K, V]):
    """Values by key; the least recently used are evicted first.

    The newest value stays regardless of its size: making it again for each request would cost more
    than its memory.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self.size = 0
        """Size of all values, in bytes."""

    def get(self, key: K) -> V | None:
        """Return the value and record its use; None if there is none."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept.value

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of about `size` bytes."""
        self.drop(key)
        self._kept[key] = _Kept(value, size)
        self.size += size
        while self.size > self._max_bytes and len(self._kept) > 1:
            self.drop(next(iter(self._kept)))

    def drop(self, key: K) -> None:
        """Remove a value, if there is one."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.size -= kept.size
