"""The bytes of a file, from where they are nearest."""

from collections.abc import AsyncIterator
from io import FileIO

from wheelyard_server.catalog.cache import FileCache
from wheelyard_server.catalog.fill import Stored
from wheelyard_server.catalog.local_files import LocalFiles, WrongBytesError
from wheelyard_server.errors import DamagedObjectError
from wheelyard_server.model import File
from wheelyard_server.storage import Storage

Content = FileIO | AsyncIterator[bytes]
"""The whole file, open on this machine, for its receiver to close; or a stream of the bytes that were asked for."""


class Contents:
    """Opens files: on this machine where they lie there, from the cache where they are kept, from the storage."""

    def __init__(self, storage: Storage, files: LocalFiles, cache: FileCache | None) -> None:
        self._storage = storage
        self._files = files
        self._cache = cache

    async def open(self, key: str, file: File, start: int, end: int) -> Content:
        """Open a file's bytes from `start` up to and without `end`.

        Bytes that are not those of the digest never arrive as a whole file: raises `StorageError`, or the
        stream does before its end. A part that comes from the storage cannot be checked.
        """
        local = await self._local(key, file)
        if local is not None:
            return local
        # A part fills no cache: clients read the end of a wheel to decide whether they want it at all.
        if (start, end) != (0, file.size):
            return await self._storage.open(key, start, end)
        stored = Stored(self._storage, key, file)
        followed = await self._cache.follow(stored) if self._cache is not None else None
        return followed if followed is not None else await stored.chunks()

    async def _local(self, key: str, file: File) -> FileIO | None:
        path = self._storage.path(key)
        if path is None:
            return await self._cache.find(file.sha256) if self._cache is not None else None
        try:
            return await self._files.open(path, file.sha256)
        except WrongBytesError as error:
            raise DamagedObjectError(key, str(error)) from error
        except OSError:
            return None  # It is large and still being read, or the storage can say what is wrong.
