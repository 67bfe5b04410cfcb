"""What is worth keeping in memory, bounded by bytes: a count says nothing of a project with 20,000 files."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Kept(NamedTuple, Generic[V]):
    value: V
    size: int


class MemoryCache(Generic[K, V]):
    """Values by key, the least recently used go first.

    The last one stays however large it is: to make it again for every request would cost more than its memory.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()
        self.size = 0
        """Of all that is kept, in bytes."""

    def get(self, key: K) -> V | None:
        """Return what is kept, which counts as used now."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept.value

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of about so many bytes."""
        self.drop(key)
        self._kept[key] = _Kept(value, size)
        self.size += size
        while self.size > self._max_bytes and len(self._kept) > 1:
            self.drop(next(iter(self._kept)))

    def drop(self, key: K) -> None:
        """Forget a value, if it is kept."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.size -= kept.size
