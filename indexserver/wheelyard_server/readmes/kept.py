"""Rendered READMEs, and those that cannot be rendered, in memory and on the local disk.

<folder>/<first two digits>/<key>    the SHA-256 of the content, then an `Answer`
<folder>/new-<random>                a file in progress; a start removes leftovers
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec

from wheelyard_server.catalog.contents.lru_budget import LruBudget
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.readmes.frames import Answer

log = logging.getLogger(__name__)

MEMORY_BYTES = 2 * 1024 * 1024
DISK_BYTES = 64 * 1024 * 1024
_OVERHEAD = 300
"""Bytes of an entry without HTML."""
_DIGEST_BYTES = 32
_NEW = "new-"


class KeptReadmes:
    """Answers by key. Only final ones are kept, so they never change."""

    def __init__(self, folder: Path | None, max_bytes: int = DISK_BYTES) -> None:
        """`folder` is used by this process alone; None keeps answers in memory only."""
        self._memory: MemoryCache[str, bytes] = MemoryCache(MEMORY_BYTES)
        self._disk = None if folder is None else _Disk(folder, max_bytes)

    def in_memory(self, key: str) -> Answer | None:
        """Return an answer that is in memory."""
        kept = self._memory.get(key)
        return None if kept is None else msgspec.msgpack.decode(kept, type=Answer)

    async def find(self, key: str) -> Answer | None:
        """Return an answer; None if there is none, or if it is damaged."""
        found = self.in_memory(key)
        if found is not None or self._disk is None or key not in self._disk:
            return found
        content = await asyncio.to_thread(self._disk.read, key)
        if content is None:
            return None
        self._remember(key, content)
        return self.in_memory(key)

    async def keep(self, key: str, answer: Answer) -> None:
        """Keep an answer. A disk that fails costs speed only."""
        content = msgspec.msgpack.encode(answer)
        self._remember(key, content)
        if self._disk is not None:
            await asyncio.to_thread(self._disk.write, key, content)

    def _remember(self, key: str, content: bytes) -> None:
        self._memory.put(key, content, len(content) + _OVERHEAD)


class _Disk:
    """A bounded folder of files; all methods but `in` block."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._budget = LruBudget(max_bytes, _found(folder))
        self._remove(self._budget.reserve(0))

    def __contains__(self, key: str) -> bool:
        return key in self._budget

    def read(self, key: str) -> bytes | None:
        """Return a content with the right digest; else forget it and return None."""
        try:
            stored = self._path(key).read_bytes()
        except OSError:
            stored = b""
        digest, content = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
        if digest == hashlib.sha256(content).digest() and _is_answer(content):
            self._budget.use(key)
            return content
        log.warning("A README in the cache was lost or damaged and will be rendered again: %s", key)
        self._budget.forget(key)
        self._remove([key])
        return None

    def write(self, key: str, content: bytes) -> None:
        """Write a file, and remove the least recently used ones beyond the bound."""
        size = _DIGEST_BYTES + len(content)
        if not self._budget.can_reserve(size):
            return
        self._remove(self._budget.reserve(size))
        try:
            self._write(self._path(key), hashlib.sha256(content).digest() + content)
            self._budget.keep(key, size)
        except OSError as error:
            log.warning("A README cannot be written to the cache: %s", error)
        finally:
            self._budget.release(size)

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._folder, prefix=_NEW, delete=False) as new:
            try:
                new.write(content)
                new.close()
                Path(new.name).rename(path)
            except OSError:
                Path(new.name).unlink(missing_ok=True)
                raise

    def _remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            with suppress(OSError):
                self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key


def _is_answer(content: bytes) -> bool:
    with suppress(msgspec.MsgspecError):
        msgspec.msgpack.decode(content, type=Answer)
        return True
    return False


def _found(folder: Path) -> dict[str, int]:
    """Return the sizes of the files of an earlier process, the least recently used first."""
    try:
        for leftover in folder.glob(f"{_NEW}*"):
            leftover.unlink()
        files = [(each.name, each.stat()) for each in folder.glob("[0-9a-f][0-9a-f]/*")]
    except OSError as error:
        log.warning("The cache of READMEs cannot be read: %s", error)
        return {}
    return {name: state.st_size for name, state in sorted(files, key=lambda file: file[1].st_mtime_ns)}
