"""Storage in a local folder: the layout of a bucket, with atomic renames and a lock for compare-and-swap.

Safe for any number of processes on one machine. Not safe on network file systems without locks.
"""

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from wheelyard_server.errors import (
    ObjectNotFoundError,
    ObjectUnchangedError,
    PreconditionFailedError,
    StorageUnavailableError,
)
from wheelyard_server.storage import Document, ETag, Fingerprint, Listed, Server, layout
from wheelyard_server.storage.durable_writes import Batch, DurableWrites, opened

CHUNK_BYTES = 256 * 1024
COMMITTED_AT_ONCE = 8 * 1024 * 1024
"""Objects up to this size are flushed together with the document that names them, which saves one
flush."""
YOUNG_NS = 50_000_000
"""The kernel updates its clock for files every 10 ms or so: two writes within that time can have
the same time."""
_SECOND_NS = 1_000_000_000
_LOCK = ".lock"


class FolderStorage:
    """Objects as files under `root`, which is created if it is missing."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = f"{root}/"
        root.mkdir(parents=True, exist_ok=True)
        self._files = DurableWrites(root)

    async def read(self, key: str, *, if_none_match: ETag | None = None) -> Document:
        """See `Storage.read`."""
        with _translated(key):
            body, etag = await asyncio.to_thread(_read_with_etag, self._prefix + key)
        if etag == if_none_match:
            raise ObjectUnchangedError(key)
        return Document(body, etag)

    async def write(self, key: str, body: bytes, *, expected: ETag | None) -> ETag:
        """See `Storage.write`."""
        with _translated(key):
            return await asyncio.to_thread(self._compare_and_swap, key, body, expected)

    async def store(self, objects: Mapping[str, Path | bytes]) -> None:
        """See `Storage.store`."""
        with _translated(*objects):
            await asyncio.to_thread(self._files.write, self._batch(objects))

    async def commit(
        self, objects: Mapping[str, Path | bytes], key: str, body: Callable[[], bytes], *, expected: ETag | None
    ) -> ETag:
        """See `Storage.commit`."""
        with _translated(key):
            return await asyncio.to_thread(self._commit, self._batch(objects), key, body, expected)

    async def open(self, key: str, start: int, end: int, *, is_whole: bool = False) -> AsyncIterator[bytes]:
        """See `Storage.open`."""
        with _translated(key):
            file = await asyncio.to_thread(self.path(key).open, "rb")
        if is_whole and (size := os.fstat(file.fileno()).st_size) != end:
            file.close()
            raise StorageUnavailableError(key, f"has {size} bytes instead of {end}")
        return _chunks(key, file, start, end)

    def path(self, key: str) -> Path:
        """See `LocalPaths.path`."""
        return self._root / key

    def fingerprint(self, key: str) -> Fingerprint | None:
        """See `LocalPaths.fingerprint`. A file written just now has none: the next write might not change it."""
        try:
            found = os.stat(self._prefix + key)  # noqa: PTH116 - for every page: a Path costs more than the call
        except OSError:
            return None
        # Some file systems store whole seconds only.
        young = YOUNG_NS if found.st_mtime_ns % _SECOND_NS else _SECOND_NS
        if time.time_ns() - found.st_mtime_ns < young:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    async def list(self, folder: str, *, cuts: Sequence[str] = ()) -> AsyncIterator[Listed]:  # noqa: ARG002 - one read lists all
        """See `Storage.list`."""
        with _translated(folder):
            objects = await asyncio.to_thread(lambda: sorted(self._listed(folder)))
        for listed in objects:
            yield listed

    async def delete(self, key: str) -> None:
        """See `Storage.delete`. The folder of an upload is removed with its last object."""
        with _translated(key):
            await asyncio.to_thread(self._delete, key)

    async def remote_server(self) -> Server | None:
        """See `Storage.remote_server`: this program decides."""
        return None

    def _batch(self, objects: Mapping[str, Path | bytes]) -> Batch:
        return Batch({self._prefix + key: source for key, source in objects.items()})

    def _commit(self, batch: Batch, key: str, body: Callable[[], bytes], expected: ETag | None) -> ETag:
        if batch.size <= COMMITTED_AT_ONCE:
            return self._compare_and_swap(key, body(), expected, batch)
        self._files.write(batch)
        return self._compare_and_swap(key, body(), expected)

    def _compare_and_swap(self, key: str, body: bytes, expected: ETag | None, *before: Batch) -> ETag:
        # All flushes happen before and after the lock, so that writers wait for the disk
        # concurrently.
        self._files.write(*before, Batch({self._prefix + key: body}, self._locked_if_still(key, expected)))
        return _etag(body)

    @contextmanager
    def _locked_if_still(self, key: str, expected: ETag | None) -> Iterator[None]:
        """Lock out all other writers while a document still has the ETag `expected`; raise if it has not."""
        # Python's own `open` would truncate the lock file, which sometimes waits for the disk.
        with opened(self._prefix + _LOCK, os.O_RDWR | os.O_CREAT) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _etag_of(self._prefix + key) != expected:
                raise PreconditionFailedError(key)
            yield

    def _listed(self, folder: str) -> Iterator[Listed]:
        # A file that was replaced or deleted since the folder was read may be missing: it is left
        # out.
        with suppress(FileNotFoundError), os.scandir(self._prefix + folder) as entries:
            for entry in list(entries):
                if entry.is_dir(follow_symlinks=False):
                    yield from self._listed(f"{folder}{entry.name}/")
                elif entry.is_file():
                    with suppress(FileNotFoundError):
                        yield _as_listed(folder + entry.name, entry.stat())

    def _delete(self, key: str) -> None:
        path = self.path(key)
        path.unlink(missing_ok=True)
        if key.startswith(layout.FILES):
            # Only one writer ever uses the folder of an upload.
            with suppress(OSError):
                path.parent.rmdir()


def _as_listed(key: str, found: os.stat_result) -> Listed:
    # Every write creates a new inode, so no two versions of an object have the same ETag.
    listing_etag = f"{found.st_ino}-{found.st_mtime_ns}"
    return Listed(key, listing_etag, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _read(path: str) -> bytes:
    with opened(path, os.O_RDONLY) as file:
        # A file may be replaced but never changes. One call usually reads all of it.
        size = os.fstat(file).st_size
        body = os.read(file, size)
        while len(body) < size and (more := os.read(file, size - len(body))):
            body += more
        return body


def _read_with_etag(path: str) -> tuple[bytes, ETag]:
    body = _read(path)
    return body, _etag(body)


def _etag(body: bytes) -> ETag:
    return ETag(hashlib.blake2b(body, digest_size=16).hexdigest())


def _etag_of(path: str) -> ETag | None:
    try:
        return _etag(_read(path))
    except FileNotFoundError:
        return None


async def _chunks(key: str, file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    with file:
        file.seek(start)
        missing = end - start
        while missing:
            chunk = await asyncio.to_thread(file.read, min(missing, CHUNK_BYTES))
            if not chunk:
                raise StorageUnavailableError(key, f"the file is {missing} bytes too short")
            missing -= len(chunk)
            yield chunk


@contextmanager
def _translated(*keys: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ObjectNotFoundError(keys[0]) from error
    except OSError as error:
        raise StorageUnavailableError(keys[0], str(error)) from error
