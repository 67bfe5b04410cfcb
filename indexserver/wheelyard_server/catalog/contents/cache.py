"""A bounded cache of the storage's files on a local disk; only files with the right digest are served.

<folder>/<first two digits>/<SHA-256>     a whole file; its access time is the time of its last use
<folder>/filling-<random>                 a file in progress; a start removes leftovers
"""

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from wheelyard_server.catalog.contents.fill import Fills, Room, Stored
from wheelyard_server.catalog.contents.lru_budget import LruBudget
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import WrongBytesError

log = logging.getLogger(__name__)

COARSE_SECONDS = 60
"""Precision of the time of last use that a later process sees."""
_FILLING = "filling-"


class FileCache:
    """A cache folder that this process uses alone. A failing disk costs speed, never a download."""

    def __init__(self, folder: Path, max_bytes: int, files: VerifiedFiles, now: WallClock) -> None:
        """Use `folder` for up to `max_bytes` bytes, including the files in it."""
        self._folder = folder
        self._files = files
        self._now = now
        self._budget = LruBudget(max_bytes, _found(folder))
        self._fills = Fills([self.room])
        self.remove(self._budget.reserve(0))

    async def find(self, sha256: str) -> FileIO | None:
        """Open a cached file whose digest is right; None: it must come from the storage."""
        if sha256 not in self._budget:
            return None
        try:
            file = await self._files.open(self._path(sha256), sha256)
        except TimeoutError:
            return None
        except (OSError, WrongBytesError) as error:
            self._drop(sha256, error)
            return None
        self._use(file, sha256)
        return file

    def has(self, sha256: str) -> bool:
        """Return whether `find` would open the file without reading it."""
        return sha256 in self._budget and self._files.has(self._path(sha256), sha256)

    def is_bringing(self, sha256: str) -> bool:
        """Return whether a file is being brought into the cache."""
        return sha256 in self._fills.running

    async def follow(self, stored: Stored) -> AsyncIterator[bytes] | None:
        """Stream a whole file while it is brought into the cache, once for all clients; None: it is not cached.

        Raises `StorageError` as `Fill.follow` does.
        """
        # A cached file that `find` did not return is large and still being verified.
        if stored.sha256 in self._budget and not self.is_bringing(stored.sha256):
            return None
        opened = await self._fills.follow(stored)
        return None if opened is None else opened.chunks

    def room(self, size: int | None) -> Room | None:
        """Return room for a file of this size that will be cached; None if it does not fit."""
        # Fills of files of unknown size could evict everything without ever fitting.
        if size is None or not self._budget.can_reserve(size):
            return None
        try:
            part = NamedTemporaryFile(dir=self._folder, prefix=_FILLING)  # noqa: SIM115 - its room closes it
        except OSError as error:
            log.warning("The cache cannot be written to: %s", error)
            return None
        return _CacheRoom(self, part, size, self._budget.reserve(size))

    def _drop(self, sha256: str, reason: Exception) -> None:
        # Only the first of all waiting callers drops the file: a new copy may already be in
        # progress.
        if sha256 in self._budget:
            log.warning("A file of the cache was lost or damaged and will be fetched again: %s", reason)
            self._budget.forget(sha256)
            self.remove([sha256])

    def _use(self, file: FileIO, sha256: str) -> None:
        self._budget.use(sha256)
        state, now = os.fstat(file.fileno()), self._now().timestamp()
        if now - state.st_atime > COARSE_SECONDS:
            with suppress(OSError):
                os.utime(file.fileno(), ns=(int(now * 1e9), state.st_mtime_ns))

    def keep(self, part: IO[bytes], sha256: str, size: int) -> None:
        """Make a complete file of a room a cached file; raise `OSError`."""
        path = self._path(sha256)
        path.parent.mkdir(exist_ok=True)
        Path(part.name).rename(path)
        self._files.remember(part.fileno(), sha256)
        self._budget.keep(sha256, size)

    def release(self, size: int) -> None:
        """Give back the reservation of a room."""
        self._budget.release(size)

    def remove(self, evicted: Iterable[str]) -> None:
        """Remove evicted files; blocks."""
        for sha256 in evicted:
            with suppress(OSError):
                self._path(sha256).unlink()

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256


class _CacheRoom:
    """Room in the cache for one file, whose size is known."""

    def __init__(self, cache: FileCache, file: IO[bytes], size: int, evicted: list[str]) -> None:
        self.file = file
        self._cache = cache
        self._size = size
        self._evicted = evicted

    async def reserve(self, size: int) -> None:
        """See `Room.reserve`: all of it is reserved from the beginning."""
        evicted, self._evicted = self._evicted, []
        if evicted:
            await asyncio.to_thread(self._cache.remove, evicted)
        if size > self._size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def keep(self, sha256: str, size: int) -> None:
        """See `Room.keep`."""
        self._cache.keep(self.file, sha256, size)

    def close(self) -> None:
        """See `Room.close`."""
        self._cache.release(self._size)
        self._cache.remove(self._evicted)
        # Removes the file if it still has its temporary name; if not, raises.
        self.file.close()


def _found(folder: Path) -> dict[str, int]:
    """Return the sizes of the files in the folder, the least recently used first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{_FILLING}*"):
            leftover.unlink()
        files = [(each.name, each.stat()) for each in folder.glob("[0-9a-f][0-9a-f]/*")]
    except OSError as error:
        log.warning("The cache cannot be used: %s", error)
        return {}
    return {name: state.st_size for name, state in sorted(files, key=lambda file: file[1].st_atime_ns)}
