"""Files that appear whole and durable, or not at all."""

import fcntl
import os
import shutil
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import IO, NamedTuple

FOLDER = ".unfinished"
"""Has a folder for each process that writes."""
_LOCK = "lock"


class WholeFiles:
    """Writes files below `root`. What processes that were killed had not finished is removed when this is made."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / FOLDER
        self._own: _Locked | None = None
        self._opening = threading.Lock()
        for leftover in self._unfinished.glob("*"):
            _remove_unless_locked(leftover)

    def write(
        self,
        path: Path,
        fill: Callable[[IO[bytes]], object],
        allowed: AbstractContextManager[None] | None = None,
    ) -> None:
        """Let a file appear at `path`, or replace the one there, with what `fill` writes.

        `allowed` is held while it appears, and may raise to prevent it.
        """
        with NamedTemporaryFile(dir=self._folder(), delete=False) as file:
            try:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
                made = self._make_folder(path.parent)
                with allowed or nullcontext():
                    Path(file.name).rename(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        _sync_folders(path.parent, *made)

    def take_over(self, source: Path, path: Path) -> bool:
        """Let a file that nobody changes any more appear at `path` as well, without a copy of its bytes.

        False: this cannot be done here, for there is a file already, or `source` is on another file system.
        """
        if source.stat().st_dev != self._root.stat().st_dev:
            return False
        _sync(source, os.O_RDONLY)
        made = self._make_folder(path.parent)
        try:
            path.hardlink_to(source)
        except OSError:
            return False
        finally:
            # Also where it fails: a copy finds the folders there now.
            _sync_folders(path.parent, *made)
        return True

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
        missing, changed = folder, list[Path]()
        while missing != self._root and not missing.is_dir():
            missing = missing.parent
            changed.append(missing)
        folder.mkdir(parents=True, exist_ok=True)
        return changed


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


def _sync_folders(*folders: Path) -> None:
    """Make names durable: without it a power cut may undo what was acknowledged."""
    for folder in folders:
        _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
