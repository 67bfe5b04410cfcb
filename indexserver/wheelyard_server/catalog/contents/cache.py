"""A bounded cache of the storage's files on a local disk; only files with the right digest are served.

<folder>/<first two digits>/<SHA-256>     a whole file; its access time is the time of its last use
<folder>/filling-<random>                 a file in progress; a start removes leftovers
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, NamedTuple

from wheelyard_server.catalog.contents.fill import Fill, Stored
from wheelyard_server.catalog.contents.lru_budget import LruBudget
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import StorageError, WrongBytesError

log = logging.getLogger(__name__)

COARSE_SECONDS = 60
"""Precision of the time of last use that a later process sees."""
_FILLING = "filling-"


class _Filling(NamedTuple):
    fill: Fill
    task: asyncio.Task[None]


class FileCache:
    """A cache folder that this process uses alone. A failing disk costs speed, never a download."""

    def __init__(self, folder: Path, max_bytes: int, files: VerifiedFiles, now: WallClock) -> None:
        """Use `folder` for up to `max_bytes` bytes, including the files in it."""
        self._folder = folder
        self._files = files
        self._now = now
        self._budget = LruBudget(max_bytes, _found(folder))
        self._filling: dict[str, _Filling] = {}
        self._remove(self._budget.reserve(0))

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
        return sha256 in self._filling

    async def follow(self, stored: Stored) -> AsyncIterator[bytes] | None:
        """Stream a whole file while it is brought into the cache, once for all clients; None: it is not cached.

        Raises `StorageError` as `Fill.follow` does.
        """
        filling = self._filling.get(stored.file.sha256) or self._begin(stored)
        return await filling.fill.follow() if filling else None

    def _drop(self, sha256: str, reason: Exception) -> None:
        # Only the first of all waiting callers drops the file: a new copy may already be in
        # progress.
        if sha256 in self._budget:
            log.warning("A file of the cache was lost or damaged and will be fetched again: %s", reason)
            self._budget.forget(sha256)
            self._remove([sha256])

    def _use(self, file: FileIO, sha256: str) -> None:
        self._budget.use(sha256)
        state, now = os.fstat(file.fileno()), self._now().timestamp()
        if now - state.st_atime > COARSE_SECONDS:
            with suppress(OSError):
                os.utime(file.fileno(), ns=(int(now * 1e9), state.st_mtime_ns))

    def _begin(self, stored: Stored) -> _Filling | None:
        # A cached file that `find` did not return is large and still being verified.
        if stored.file.sha256 in self._budget or not self._budget.can_reserve(stored.file.size):
            return None
        try:
            part = NamedTemporaryFile(dir=self._folder, prefix=_FILLING)  # noqa: SIM115 - _run closes it
        except OSError as error:
            log.warning("The cache cannot be written to: %s", error)
            return None
        fill = Fill(stored, part)
        task = asyncio.create_task(self._run(fill, stored, part, self._budget.reserve(stored.file.size)))
        filling = self._filling[stored.file.sha256] = _Filling(fill, task)
        return filling

    async def _run(self, fill: Fill, stored: Stored, part: IO[bytes], evicted: Iterable[str]) -> None:
        try:
            await asyncio.to_thread(self._remove, evicted)
            await fill.run()
            self._keep(stored, part)
        except OSError as error:
            log.warning("The cache could not store %s: %s", stored.key, error)
        except StorageError as error:
            log.warning("The cache could not get the whole of %s: %s", stored.key, error)
        finally:
            del self._filling[stored.file.sha256]
            self._budget.release(stored.file.size)
            # Removes the file if it still has its temporary name; if not, raises.
            with suppress(OSError):
                part.close()

    def _keep(self, stored: Stored, part: IO[bytes]) -> None:
        path = self._path(stored.file.sha256)
        path.parent.mkdir(exist_ok=True)
        Path(part.name).rename(path)
        self._files.remember(part.fileno(), stored.file.sha256)
        self._budget.keep(stored.file.sha256, stored.file.size)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _remove(self, evicted: Iterable[str]) -> None:
        for sha256 in evicted:
            with suppress(OSError):
                self._path(sha256).unlink()


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
