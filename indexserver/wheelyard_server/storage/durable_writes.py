"""Files that appear whole and durable, or not at all."""

import fcntl
import itertools
import os
import shutil
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

FOLDER = ".unfinished"
"""Has a folder for each process that writes."""
COPIED_AT_ONCE = 8 * 1024 * 1024
_LOCK = "lock"


class Batch(NamedTuple):
    """Files that appear one after the other."""

    sources: Mapping[str, Path | bytes]
    """Bytes, or a file that nobody changes any more, which is taken over without a copy where that can be."""
    allowed: AbstractContextManager[None] = nullcontext()
    """Is held while they appear, and may raise to prevent it."""

    @property
    def size(self) -> int:
        """In bytes, of all of them."""
        return sum(
            len(source) if isinstance(source, bytes) else source.stat().st_size for source in self.sources.values()
        )


class DurableWrites:
    """Writes files below `root`. What processes that were killed had not finished is removed when this is made."""

    def __init__(self, root: Path) -> None:
        self._unfinished = root / FOLDER
        self._own: _Locked | None = None
        self._opening = threading.Lock()
        self._numbers = itertools.count()
        for leftover in self._unfinished.glob("*"):
            _remove_unless_locked(leftover)

    def write(self, *batches: Batch) -> None:
        """Let files appear, or replace those there: a batch when the one before is durable, names and all.

        The last one is durable, too, when this returns. No path is given twice.
        """
        own = self._folder()
        names = {path: f"{own}/{next(self._numbers)}" for batch in batches for path in batch.sources}
        sources = {names[path]: source for batch in batches for path, source in batch.sources.items()}
        try:
            _fill(sources)
            for batch in batches:
                self._name({names[path]: path for path in batch.sources}, batch.allowed)
        except BaseException:
            for name in sources:
                Path(name).unlink(missing_ok=True)
            raise

    def _name(self, paths: Mapping[str, str], allowed: AbstractContextManager[None]) -> None:
        """Return files the names that they are to have, and wait until these are durable."""
        folders = {path.rpartition("/")[0] for path in paths.values()}
        made = {changed for folder in folders for changed in self._make_folder(folder)}
        with allowed:
            for name, path in paths.items():
                os.rename(name, path)  # noqa: PTH104 - neither is a Path's business
        for folder in folders | made:
            _sync_folder(folder)

    def _folder(self) -> str:
        """Return the folder of this process, which is locked for as long as the process lives."""
        with self._opening:
            if self._own is None or not Path(self._own.name).is_dir():
                self._unfinished.mkdir(exist_ok=True)
                self._own = _locked_folder(self._unfinished)
                weakref.finalize(self, self._own.end)
        return self._own.name

    def _make_folder(self, folder: str) -> list[str]:
        """Make a folder where it is missing; return those in which there is a new one now."""
        parent = folder.rpartition("/")[0]
        try:
            os.mkdir(folder)  # noqa: PTH102 - same
        except FileExistsError:
            return []
        except FileNotFoundError:
            return [*self._make_folder(parent), *self._make_folder(folder)]
        return [parent]


def _fill(sources: Mapping[str, Path | bytes]) -> None:
    """Make files with these names, and wait until they are durable."""
    descriptors: list[int] = []
    try:
        for name, source in sources.items():
            _begin(name, source, descriptors)
        # All are written before the first is waited for, whose wait is most of that for all of them.
        for descriptor in descriptors:
            os.fsync(descriptor)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _begin(name: str, source: Path | bytes, descriptors: list[int]) -> None:
    """Make a file, which is among the open `descriptors` from then on."""
    is_there = isinstance(source, Path) and _linked(source, name)
    descriptors.append(_open(name, os.O_RDONLY if is_there else os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    if isinstance(source, bytes):
        _write(descriptors[-1], source)
    elif not is_there:
        _copy(source, descriptors[-1])


def _linked(source: Path, name: str) -> bool:
    """Return a file one more name; False: that cannot be, it may lie on another file system."""
    try:
        os.link(source, name)
    except OSError:
        return False
    return True


def _write(descriptor: int, body: bytes) -> None:
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _copy(source: Path, descriptor: int) -> None:
    """Copy a file without its bytes ever coming into this process."""
    with source.open("rb") as file:
        position = 0
        while copied := os.sendfile(descriptor, file.fileno(), position, COPIED_AT_ONCE):
            position += copied


def _sync_folder(folder: str) -> None:
    """Make names durable: without it a power cut may undo what was acknowledged."""
    with opened(folder, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)


def _open(path: str, flags: int) -> int:
    """Open a file by the plain call: Python's own makes three more, and each lets other threads in between."""
    return os.open(path, flags, 0o600)


@contextmanager
def opened(path: str, flags: int) -> Iterator[int]:
    """Open a file for a while, as plainly."""
    descriptor = _open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class _Locked(NamedTuple):
    name: str
    lock: int
    """A descriptor that holds the lock until it is closed."""

    def end(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.name, ignore_errors=True)
        os.close(self.lock)


def _locked_folder(parent: Path) -> _Locked:
    """Make a folder that no other process takes for a leftover; until it is locked, one that starts now may."""
    while True:
        name = mkdtemp(dir=parent)
        with suppress(FileNotFoundError):
            lock = os.open(Path(name, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_nlink:
                    return _Locked(name, lock)
            os.close(lock)


def _remove_unless_locked(folder: Path) -> None:
    try:
        # For writing: network file systems lock nothing else.
        with (folder / _LOCK).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except FileNotFoundError:
        with suppress(OSError):
            folder.rmdir()
    except OSError:
        return  # Another process lives, or this one may only read.
