"""The bytes of a file, from the nearest place: memory, local disk or the storage."""

import os
from collections.abc import AsyncIterator
from hashlib import sha256
from io import FileIO

from wheelyard_server.catalog.contents.cache import FileCache
from wheelyard_server.catalog.contents.fill import Digested, Stored
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.catalog.counts import Counts, Source
from wheelyard_server.errors import DamagedObjectError, WrongBytesError
from wheelyard_server.storage import Storage, local_paths

Content = bytes | FileIO | AsyncIterator[bytes]
"""The whole file, in memory or open for its receiver to close, or a stream of the requested
bytes."""

SMALL_BYTES = 96 * 1024
"""Files up to this size stay in memory after a read from local disk: opening one costs more than
sending it."""
KEPT_BYTES = 32 * 1024**2
"""Memory for small files."""
_OVERHEAD = 200
"""Memory of a small file in addition to its bytes."""


class SmallObjects:
    """Small objects in memory, by their verified digests."""

    def __init__(self) -> None:
        self._kept: MemoryCache[str, bytes] = MemoryCache(KEPT_BYTES)

    def get(self, digest: str) -> bytes | None:
        """Return the object; None if it is not in memory."""
        return self._kept.get(digest)

    def keep(self, digest: str, body: bytes) -> None:
        """Keep an object with this SHA-256, unless it is large."""
        if len(body) <= SMALL_BYTES:
            self._kept.put(digest, body, len(body) + _OVERHEAD)


class Contents:
    """Opens files: from memory, from the local disk or the cache, or else from the storage."""

    def __init__(
        self, storage: Storage, files: VerifiedFiles, cache: FileCache | None, counts: Counts | None = None
    ) -> None:
        self.small = SmallObjects()
        """Small objects, which need no disk access."""
        self._storage = storage
        self._local_paths = local_paths(storage)
        self._files = files
        self._cache = cache
        self._reads = (counts or Counts()).file_reads

    async def open(self, key: str, file: Digested, start: int, end: int) -> Content:
        """Open a file's bytes from `start` up to, but not including, `end`.

        A whole file with a wrong digest never arrives completely: this raises `StorageError`, or
        the stream does before its end. Parts that come from the storage cannot be verified.
        """
        small = self.small.get(file.sha256)
        if small is not None:
            self._reads[Source.MEMORY] += 1
            return small
        local = await self._local(key, file)
        if local is not None:
            self._reads[Source.DISK] += 1
            small = self._small(local, file)
            return local if small is None else small
        # A part does not fill the cache: clients read the end of a wheel to decide whether they
        # want it.
        if (start, end) != (0, file.size):
            part = await self._storage.open(key, start, end)
            self._reads[Source.STORAGE] += 1
            return part
        return await self._whole(Stored(self._storage, key, file))

    def is_cached(self, key: str, file: Digested) -> bool:
        """Return whether `open` would return a large file from local disk without verifying it first."""
        if file.size <= SMALL_BYTES:
            return False
        if self._local_paths is None:
            return self._cache is not None and self._cache.has(file.sha256)
        return self._files.has(self._local_paths.path(key), file.sha256)

    async def _whole(self, stored: Stored) -> AsyncIterator[bytes]:
        is_shared = self._cache is not None and self._cache.is_bringing(stored.file.sha256)
        followed = await self._cache.follow(stored) if self._cache is not None else None
        chunks = followed if followed is not None else await stored.chunks()
        self._reads[Source.SHARED if is_shared else Source.STORAGE] += 1
        return chunks

    async def _local(self, key: str, file: Digested) -> FileIO | None:
        if self._local_paths is None:
            return await self._cache.find(file.sha256) if self._cache is not None else None
        try:
            return await self._files.open(self._local_paths.path(key), file.sha256)
        except WrongBytesError as error:
            raise DamagedObjectError(key, str(error)) from error
        except OSError:
            return None  # It is large and still being verified, or the storage knows what is wrong.

    def _small(self, local: FileIO, file: Digested) -> bytes | None:
        """Read a small file and keep it in memory; None if it is large, or was just changed."""
        if file.size > SMALL_BYTES:
            return None
        body = os.pread(local.fileno(), file.size, 0)
        if sha256(body).hexdigest() != file.sha256:
            return None
        local.close()
        self.small.keep(file.sha256, body)
        return body
