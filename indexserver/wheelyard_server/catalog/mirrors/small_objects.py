"""Small objects of upstreams, by their digests: core metadata and provenance objects."""

import hashlib

from wheelyard_server.catalog.contents.content import SmallObjects
from wheelyard_server.catalog.contents.verified_streams import verify_bytes
from wheelyard_server.catalog.counts import Counts, Source
from wheelyard_server.catalog.mirrors.arrivals import Keeper
from wheelyard_server.catalog.mirrors.listed_file import Kept
from wheelyard_server.errors import StorageError
from wheelyard_server.storage import Storage, layout


class SmallMirroredObjects:
    """Keeps small objects in memory and in the storage."""

    def __init__(self, storage: Storage, memory: SmallObjects, keeper: Keeper, counts: Counts) -> None:
        self._storage = storage
        self._memory = memory
        self._keeper = keeper
        self._counts = counts

    async def kept(self, sha256: str) -> bytes | None:
        """Return the object with this digest; None if it is not kept, or cannot be read now."""
        body = self._memory.get(sha256)
        source = Source.STORAGE if body is None else Source.MEMORY
        if body is None:
            body = await self._stored(sha256)
        if body is not None:
            self._counts.file_reads[source] += 1
        return body

    async def keep(self, body: bytes) -> str:
        """Keep an object, if possible, and return its digest. Raises nothing."""
        digest = hashlib.sha256(body).hexdigest()
        self._memory.keep(digest, body)
        await self._keeper.keep(Kept(digest, len(body)), body)
        return digest

    async def _stored(self, sha256: str) -> bytes | None:
        key = layout.mirrored(sha256)
        try:
            body = verify_bytes((await self._storage.read(key)).body, sha256, key)
        except StorageError:
            return None  # Damaged, lost, or unreachable: it can be fetched again.
        self._memory.keep(sha256, body)
        return body
