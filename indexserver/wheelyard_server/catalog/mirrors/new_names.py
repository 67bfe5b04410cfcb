"""A bound on how many names that no upstream is known to have one client may ask for (U13)."""

import math
from collections import OrderedDict
from typing import NamedTuple

from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import TooManyNewNamesError

SECONDS_PER_HOUR = 3600
MAX_CLIENTS = 10_000
"""Maximum number of clients whose names are counted; of more, the one that asked least recently starts again."""


class Asker(NamedTuple):
    """The client that asks for a project."""

    user: str
    """"" if anonymous."""
    address: str


class _Spent(NamedTuple):
    names: float
    at: float


class NewNames:
    """Counts names per user, and per address for anonymous clients, on this replica."""

    def __init__(self, per_hour: int, clock: MonotonicClock) -> None:
        self._per_hour = per_hour
        self._clock = clock
        self._spent: OrderedDict[str, _Spent] = OrderedDict()

    def count(self, asker: Asker | None) -> None:
        """Count a name; raise `TooManyNewNamesError` if it is one too many. None is the server itself."""
        if asker is None:
            return
        key = f"user {asker.user}" if asker.user else f"address {asker.address}"
        names = self._current(key) + 1
        if names > self._per_hour:
            raise TooManyNewNamesError(math.ceil((names - self._per_hour) * SECONDS_PER_HOUR / self._per_hour))
        self._spent[key] = _Spent(names, self._clock())
        self._spent.move_to_end(key)
        while len(self._spent) > MAX_CLIENTS:
            self._spent.popitem(last=False)

    def _current(self, key: str) -> float:
        """Return how many names count against a client now: the count falls evenly with time."""
        names, at = self._spent.get(key, _Spent(0, 0))
        return max(0, names - (self._clock() - at) * self._per_hour / SECONDS_PER_HOUR)
