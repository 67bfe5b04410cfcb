"""Records which threads are at work, and when each last made progress."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Heartbeats:
    """The last progress of each thread; safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._last: dict[int, float] = {}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count this thread as being at work."""
        thread = threading.get_ident()
        self._last[thread] = self.clock()
        try:
            yield
        finally:
            del self._last[thread]

    def record(self) -> None:
        """Record that this thread makes progress: a call to the outside has ended in any way.

        So a server that does not answer is no hang, however many calls wait for it one after
        another.
        """
        thread = threading.get_ident()
        if thread in self._last:
            self._last[thread] = self.clock()

    def count(self) -> int:
        """Return how many threads are at work."""
        return len(self._last)

    def oldest(self) -> float | None:
        """Return the time of the oldest last heartbeat, None if no thread is at work."""
        return min(self._last.copy().values(), default=None)
