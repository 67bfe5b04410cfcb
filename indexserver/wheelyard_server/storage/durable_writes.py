"""Writes to a folder that are atomic and durable: each file appears whole or not at all."""

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
"""Contains a folder for each process that writes."""
COPIED_AT_ONCE = 8 * 1024 * 1024
_LOCK = "lock"


class Batch(NamedTuple):
    """Files that appear one after the other."""

    sources: Mapping[str, Path | bytes]
    """Bytes, or a file that does not change any more, which is taken over without a copy if
    possible."""
    allowed: AbstractContextManager[None] = nullcontext()
    """Is entered while the files appear, and may raise to prevent it."""

    @property
    def size(self) -> int:
        """Return the size of all files together, in bytes."""
        return sum(
            len(source) if isinstance(source, bytes) else source.stat().st_size for source in self.sources.values()
        )


class DurableWrites:
    """Writes files below `root`. Removes at start the unfinished files of processes that were killed."""

    def __init__(self, root: Path) -> None:
        self._unfinished = root / FOLDER
        self._own: _Locked | None = None
        self._opening = threading.Lock()
        self._numbers = itertools.count()
        for leftover in self._unfinished.glob("*"):
            _remove_unless_locked(leftover)

    def write(self, *batches: Batch) -> None:
        """Create files, or replace existing ones: each batch after the one before is durable, including its names.

        When this returns, the last batch is durable, too. No path may occur twice.
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
        """Give files their final names, and wait until the names are durable."""
        folders = {path.rpartition("/")[0] for path in paths.values()}
        made = {changed for folder in folders for changed in self._make_folder(folder)}
        with allowed:
            for name, path in paths.items():
                os.rename(name, path)  # noqa: PTH104 - plain names
        for folder in folders | made:
            _sync_folder(folder)

    def _folder(self) -> str:
        """Return the folder of this process, which stays locked while the process lives."""
        with self._opening:
            if self._own is None or not Path(self._own.name).is_dir():
                self._unfinished.mkdir(exist_ok=True)
                self._own = _locked_folder(self._unfinished)
                weakref.finalize(self, self._own.end)
        return self._own.name

    def _make_folder(self, folder: str) -> list[str]:
        """Create a folder if it is missing; return the folders that have a new entry."""
        parent = folder.rpartition("/")[0]
        try:
            os.mkdir(folder)  # noqa: PTH102 - same
        except FileExistsError:
            return []
        except FileNotFoundError:
            return [*self._make_folder(parent), *self._make_folder(folder)]
        return [parent]


def _fill(sources: Mapping[str, Path | bytes]) -> None:
    """Create files with these names, and wait until they are durable."""
    descriptors: list[int] = []
    try:
        for name, source in sources.items():
            _begin(name, source, descriptors)
        # Write all files before the first flush: most of the time of all flushes is that of the
        # first.
        for descriptor in descriptors:
            os.fsync(descriptor)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _begin(name: str, source: Path | bytes, descriptors: list[int]) -> None:
    """Create a file, and add it to the open `descriptors`."""
    is_there = isinstance(source, Path) and _linked(source, name)
    descriptors.append(_open(name, os.O_RDONLY if is_there else os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    if isinstance(source, bytes):
        _write(descriptors[-1], source)
    elif not is_there:
        _copy(source, descriptors[-1])


def _linked(source: Path, name: str) -> bool:
    """Link a file to another name; return whether that worked, which it does on one file system only."""
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
    """Copy a file inside the kernel."""
    with source.open("rb") as file:
        position = 0
        while copied := os.sendfile(descriptor, file.fileno(), position, COPIED_AT_ONCE):
            position += copied


def _sync_folder(folder: str) -> None:
    """Make names durable: otherwise a power failure could undo an acknowledged write."""
    with opened(folder, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)


def _open(path: str, flags: int) -> int:
    """Open a file with one system call: Python's own `open` makes four, and each may yield to other threads."""
    return os.open(path, flags, 0o600)


@contextmanager
def opened(path: str, flags: int) -> Iterator[int]:
    """Open a file with one system call, and close it afterwards."""
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
    """Create a locked folder. Until it is locked, another process that starts may remove it as a leftover."""
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
        # Opened for writing: network file systems cannot lock other files.
        with (folder / _LOCK).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except FileNotFoundError:
        with suppress(OSError):
            folder.rmdir()
    except OSError:
        return  # Its process is running, or this one may only read.
