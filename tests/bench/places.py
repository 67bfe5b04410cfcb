"""The folders of the bench: one for results that take long, one to work in."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.paths import cache, locked
from cluster.processes import Supervisor
from cluster.progress import say

HERE = Path(__file__).resolve().parent
LOCKS = HERE / "locks"
RESULTS = HERE / "results"


def kept_folder() -> Path:
    """Return the folder of all that takes long to make."""
    return cache() / "bench"


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, filled by `make` the first time; what stays unfinished is made again."""
    target = kept_folder() / name
    with locked(f"bench-{name}"):
        if not target.exists():
            say(f"making {name} (once)")
            scratch = target.with_name(f"{target.name}.unfinished")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            with ended(scratch, "home/processes"):
                make(scratch)
            scratch.rename(target)
    return target


@contextmanager
def ended(folder: Path, records: str) -> Iterator[None]:
    """See to it that no program outlives the block: also those of a start that failed, or was interrupted."""
    try:
        yield
    finally:
        for each in folder.glob(records):
            supervisor = Supervisor(each.parent)
            supervisor.stop(*supervisor.names())


@contextmanager
def work_folder() -> Iterator[Path]:
    """Return a folder on the disk where the data lies, so that links can be made; it is gone afterwards."""
    parent = kept_folder()
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Return a folder in memory, where clients work: on a disk, their own writes would hide the server."""
    parent = Path("/dev/shm")  # noqa: S108 - the random name below it is made safely
    folder = Path(tempfile.mkdtemp(prefix="wheelyard-bench-", dir=parent if parent.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
