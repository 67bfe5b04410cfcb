"""Files that appear whole and durable, or not at all."""

import fcntl
import itertools
import os
import shutil
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

FOLDER = ".unfinished"
"""Has a folder for each process that writes."""
COPIED_AT_ONCE = 8 * 1024 * 1024
_LOCK = "lock"


class WholeFiles:
    """Writes files below `root`. What processes that were killed had not finished is removed when this is made."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / FOLDER
        self._own: _Locked | None = None
        self._opening = threading.Lock()
        self._numbers = itertools.count()
        for leftover in self._unfinished.glob("*"):
            _remove_unless_locked(leftover)

    def write(
        self, sources: Mapping[Path, Path | bytes], allowed: AbstractContextManager[None] | None = None
    ) -> None:
        """Let files appear, one after the other, or replace those there. All are durable when this returns.

        A source is bytes, or a file that nobody changes any more, which is taken over without a copy where that
        can be. `allowed` is held while they appear, and may raise to prevent it.
        """
        unfinished = {path: f"{self._folder()}/{next(self._numbers)}" for path in sources}
        folders = {path.parent for path in sources}
        try:
            _fill({name: sources[path] for path, name in unfinished.items()})
            made = {changed for folder in folders for changed in self._make_folder(folder)}
            with allowed or nullcontext():
                for path, name in unfinished.items():
                    os.rename(name, path)  # noqa: PTH104 - neither is a Path's business
        except BaseException:
            for name in unfinished.values():
                Path(name).unlink(missing_ok=True)
            raise
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

    def _make_folder(self, folder: Path) -> list[Path]:
        """Make a folder where it is missing; return those in which there is a new one now."""
        try:
            folder.mkdir()
        except FileExistsError:
            return []
        except FileNotFoundError:
            return [*self._make_folder(folder.parent), *self._make_folder(folder)]
        return [folder.parent]


def _fill(sources: Mapping[str, Path | bytes]) -> None:
    """Make files with these names, and wait until they are durable."""
    with ExitStack() as opened:
        # All are written before the first is waited for, whose wait is most of that for all of them.
        for descriptor in [opened.enter_context(_filled(*each)) for each in sources.items()]:
            os.fsync(descriptor)


@contextmanager
def _filled(name: str, source: Path | bytes) -> Iterator[int]:
    is_there = isinstance(source, Path) and _linked(source, name)
    with _opened(name, os.O_RDONLY if is_there else os.O_WRONLY | os.O_CREAT | os.O_EXCL) as descriptor:
        if isinstance(source, bytes):
            _write(descriptor, source)
        elif not is_there:
            _copy(source, descriptor)
        yield descriptor


def _linked(source: Path, name: str) -> bool:
    """Give a file one more name; False: that cannot be, it may lie on another file system."""
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


def _sync_folder(folder: Path) -> None:
    """Make names durable: without it a power cut may undo what was acknowledged."""
    with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _opened(path: Path | str, flags: int) -> Iterator[int]:
    """Open a file by the plain calls: Python's own make three more, and each lets other threads in between."""
    descriptor = os.open(path, flags, 0o600)
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
