"""The use of the cluster: by tests side by side, in any number of processes, or by one test alone."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Occupancy:
    """The cluster, as one process of the tests uses it; all processes name the same file."""

    def __init__(self, lock: Path) -> None:
        self._lock = lock
        self._is_alone = False

    @contextmanager
    def with_others(self) -> Iterator[None]:
        """Use the cluster for as long as a block takes, while no test has it alone (but this process's own)."""
        if self._is_alone:
            yield
        else:
            with self._locked(fcntl.LOCK_SH):
                yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the cluster for as long as a block takes; first, everything else on it ends."""
        with self._locked(fcntl.LOCK_EX):
            self._is_alone = True
            try:
                yield
            finally:
                self._is_alone = False

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        # Each use opens the file: two uses by one process exclude each other as those of two do.
        with self._lock.open("w") as file:
            fcntl.flock(file, how)
            yield
