"""Where things lie: the cache that survives, and the state that `down` removes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .progress import ClusterError, step

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]

# A unix socket's path may have 107 bytes; the longest one below the state directory has about 50.
_LONGEST_STATE_PATH = 56


def cache() -> Path:
    """Return the directory of built things, shared by all clones of the project on this machine."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("WHEELYARD_CACHE") or Path(home) / "wheelyard").absolute()


def state() -> Path:
    """Return the directory of the one local cluster: records, logs, sockets, data."""
    path = cache() / "cluster"
    if len(str(path)) > _LONGEST_STATE_PATH:
        raise ClusterError(f"{path} is too long for unix sockets: set WHEELYARD_CACHE to a shorter path")
    return path


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of this name, which all clones share; say so when somebody else has it."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step(f"waiting for another run to finish ({name})", "until it ends"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
