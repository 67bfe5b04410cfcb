"""The queue of READMEs: short, and fair to uploaders, since a hostile README costs two seconds."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """What waits, by uploader. Uploaders take turns, and none can keep the others out."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        """The uploader whose turn it is comes first."""

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, uploader: str, item: T) -> T | None:
        """Add an item; return the item that has no place, if there is one: this or another uploader's newest."""
        dropped = self._make_room(uploader) if len(self) >= self._max_waiting else None
        if len(self) >= self._max_waiting:
            return item
        self._waiting.setdefault(uploader, deque()).append(item)
        return dropped

    def _make_room(self, uploader: str) -> T | None:
        """Drop the newest item of the uploader with the most, if it still has more than `uploader` then has."""
        largest = max(self._waiting, key=lambda each: len(self._waiting[each]))
        if len(self._waiting[largest]) <= len(self._waiting.get(uploader, ())) + 1:
            return None
        return self._waiting[largest].pop()

    def next(self) -> T:
        """Take the item whose turn it is; raise `KeyError` if there is none."""
        uploader, items = self._waiting.popitem(last=False)
        item = items.popleft()
        if items:
            self._waiting[uploader] = items
        return item
