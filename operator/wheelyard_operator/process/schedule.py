"""Decides when which key is due: only the rules, without clock and tasks."""

import math
from collections.abc import Callable

from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_operator.resource import Key

_MIN_BACKOFF_SECONDS = 0.5
_MAX_BACKOFF_SECONDS = 60.0
RESYNC_SECONDS = 60.0
_KEYS_OF_A_RESYNC = 1200
"""With more keys a resync takes longer in proportion: changes come from watches, not from resyncs."""
_SPACING = 0.2
"""Between two runs of a key: a burst of events becomes one run, and nothing can spin."""


class Schedule:
    """Keys with the time when they are due; all times are seconds of one monotonic clock.

    A key never runs twice at a time. If it is added while it runs, it runs again.
    """

    def __init__(self, jitter: Callable[[], float], resync_seconds: float = RESYNC_SECONDS) -> None:
        """Take a source of jitter: numbers around 1, such as 0.75 to 1.25."""
        self._jitter = jitter
        self._resync_seconds = resync_seconds
        self._due: dict[Key, float] = {}
        self._running: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._finished: dict[Key, float] = {}

    def add(self, key: Key, now: float) -> None:
        """Make a key due at once (or just after its last run)."""
        soonest = max(now, self._finished.get(key, now - _SPACING) + _SPACING)
        self._due[key] = min(self._due.get(key, soonest), soonest)

    def take(self, now: float) -> Key | None:
        """Return the key that has been due the longest, and count it as running."""
        key = min(self._waiting(), key=self._due.__getitem__, default=None)
        if key is None or self._due[key] > now:
            return None
        del self._due[key]
        self._running.add(key)
        return key

    def next_due(self) -> float | None:
        """Return the time when `take` will next have something, None if never."""
        return min((self._due[key] for key in self._waiting()), default=None)

    def done(self, key: Key, outcome: Outcome, now: float) -> None:
        """Record that a run succeeded."""
        self._running.discard(key)
        self._failures.pop(key, None)
        if outcome.gone:
            self._finished.pop(key, None)
            return
        after = min(self._resync(), math.inf if outcome.after is None else outcome.after)
        self._come_back(key, after * self._jitter(), now)

    def failed(self, key: Key, now: float) -> None:
        """Record that a run raised: it is retried with a growing delay."""
        self._running.discard(key)
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        backoff = min(_MIN_BACKOFF_SECONDS * 2 ** min(failures - 1, 20), _MAX_BACKOFF_SECONDS)
        self._come_back(key, backoff * self._jitter(), now)

    def rest(self, key: Key, seconds: float, now: float) -> None:
        """Do not run a key for some time after its run, whatever happens to it meanwhile."""
        if key in self._due:
            self._finished[key] = now + seconds
            self._due[key] = max(self._due[key], now + seconds)

    def known(self, kind: str) -> list[Key]:
        """Return every key of a kind."""
        return [key for key in {*self._due, *self._running} if key.kind == kind]

    def count_due(self, now: float) -> int:
        """Return the number of keys that are due."""
        return sum(self._due[key] <= now for key in self._waiting())

    def _resync(self) -> float:
        return self._resync_seconds * max(1.0, (len(self._due) + len(self._running)) / _KEYS_OF_A_RESYNC)

    def _waiting(self) -> list[Key]:
        return [key for key in self._due if key not in self._running]

    def _come_back(self, key: Key, after: float, now: float) -> None:
        self._finished[key] = now
        later = now + max(after, _SPACING)
        added_meanwhile = self._due.get(key)
        # The run may have missed events that came meanwhile.
        self._due[key] = later if added_meanwhile is None else min(later, now + _SPACING)
