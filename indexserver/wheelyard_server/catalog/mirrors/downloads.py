"""Downloads of mirrored files, and of the small objects that belong to them: the parts put together."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wheelyard_server.catalog.contents.content import Contents
from wheelyard_server.catalog.contents.fill import Fills
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.contents.verified_streams import closed
from wheelyard_server.catalog.counts import Counts
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.inspection.licenses import license_of
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.learned import Fact
from wheelyard_server.catalog.mirrors.arrivals import Keeper
from wheelyard_server.catalog.mirrors.budget import MirrorBudget
from wheelyard_server.catalog.mirrors.files import Fetching, MirroredContent, MirroredFiles
from wheelyard_server.catalog.mirrors.listed_file import Kept, ListedFile
from wheelyard_server.catalog.mirrors.metadata import MirroredMetadata
from wheelyard_server.catalog.mirrors.provenance import MirroredProvenance
from wheelyard_server.catalog.mirrors.small_objects import SmallMirroredObjects
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import StorageError
from wheelyard_server.model.mirror import NO_LICENSE
from wheelyard_server.storage import Storage, layout
from wheelyard_server.upstream import Upstream

STORED_BYTES = 4 * 1024**2
"""Memory for digests of stored files, to which clients may be redirected."""
STORED_MEMORY_BYTES = 200
STORED_SECONDS = 60.0
"""How long a stored file is taken for granted: a person may delete a damaged one."""


@dataclass(frozen=True, slots=True)
class Origins:
    """The upstreams that files come from, and the limits of these files."""

    upstreams: Mapping[str, Upstream]
    """By their names."""
    file_bytes: int
    """Maximum size of a file."""
    archive: ArchiveLimits
    """Limits of a wheel whose METADATA is read."""
    on_missing: Callable[[ListedFile], None] = lambda _: None
    """Is called if an upstream lacks a file that it lists."""


@dataclass(frozen=True, slots=True)
class Place:
    """The places of bytes, on their way and when they are kept."""

    storage: Storage
    documents: Documents
    gate: WriteGate
    contents: Contents
    fills: Fills
    budget: MirrorBudget


class Downloads:
    """Everything that clients download of upstreams."""

    def __init__(
        self, place: Place, origins: Origins, counts: Counts, clock: MonotonicClock = time.monotonic
    ) -> None:
        self._storage = place.storage
        self._clock = clock
        self._stored: MemoryCache[str, float] = MemoryCache(STORED_BYTES)
        """When the storage was last seen to have them, by digest."""
        self.budget = place.budget
        self._gate = place.gate
        self._keeper = Keeper(place.storage, place.documents, place.gate, place.budget, counts)
        fetching = Fetching(origins.upstreams, self, origins.file_bytes, origins.on_missing)
        self._files = MirroredFiles(place.contents, place.fills, fetching, counts, clock)
        objects = SmallMirroredObjects(place.storage, place.contents.small, self._keeper, counts)
        self._metadata = MirroredMetadata(self._files, objects, self._keeper, origins.archive, counts)
        self._provenance = MirroredProvenance(self._files, objects, self._keeper)

    async def open(self, listed: ListedFile) -> MirroredContent:
        """Open a whole file; see `MirroredFiles.open`, also for the errors."""
        return await self._files.open(listed)

    async def open_part(self, listed: ListedFile, start: int, end: int) -> MirroredContent:
        """Open a part of a file; see `MirroredFiles.open_part`. A wheel's METADATA is read for the next page."""
        opened = await self._files.open_part(listed, start, end)
        self._metadata.extract_later(listed)
        return opened

    async def size(self, listed: ListedFile) -> int | None:
        """Return a file's size in bytes; see `MirroredFiles.size`."""
        return await self._files.size(listed)

    async def core_metadata(self, listed: ListedFile) -> bytes:
        """Return a file's METADATA; see `MirroredMetadata.read`."""
        return await self._metadata.read(listed)

    async def kept_metadata(self, listed: ListedFile) -> bytes | None:
        """Return a file's METADATA if it is kept; see `MirroredMetadata.kept`."""
        return await self._metadata.kept(listed)

    @property
    def extracting(self) -> frozenset["asyncio.Task[None]"]:
        """Return the extractions of METADATA that no client waits for."""
        return frozenset(self._metadata.extracting)

    async def provenance(self, listed: ListedFile) -> bytes:
        """Return a file's provenance object; see `MirroredProvenance.read`."""
        return await self._provenance.read(listed)

    async def license(self, listed: ListedFile) -> Fact:
        """Return the license of a file; raise `UpstreamError` and `StorageError`."""
        body = await self._metadata.find(listed)
        return Fact(listed.file, license=NO_LICENSE if body is None else license_of(body))

    async def publisher(self, listed: ListedFile) -> Fact:
        """Return the attested publisher of a file; see `MirroredProvenance.fact`."""
        return await self._provenance.fact(listed)

    async def measure_kept(self) -> None:
        """Measure the size of all kept bytes; see `MirrorBudget.measure`, and `WriteGate.passed` for its errors.

        What servers that have ended stored by their last reservations is counted once.
        """
        await self.budget.measure()
        if self.budget.has_ended_reservations:
            await self._gate.passed()
            await self.budget.recount()

    async def is_stored(self, listed: ListedFile) -> bool:
        """Return whether the storage has all bytes of a file, which were verified."""
        kept = listed.kept
        if kept is None:
            return False
        seen = self._stored.get(kept.sha256)
        if seen is not None and self._clock() - seen < STORED_SECONDS:
            return True
        try:
            async with closed(await self._storage.open(layout.mirrored(kept.sha256), 0, min(1, kept.size))):
                self._stored.put(kept.sha256, self._clock(), STORED_MEMORY_BYTES)
        except StorageError:
            return False
        return True

    async def pin(self, listed: ListedFile, kept: Kept) -> object:
        """See `Arrivals.pin`."""
        return await self._keeper.pin(listed, kept)

    async def arrived(self, listed: ListedFile, kept: Kept, path: Path) -> None:
        """See `Arrivals.arrived`."""
        # Once it is kept, it is not compared again.
        await self._metadata.compare(listed, path)
        await self._keeper.arrived(listed, kept, path)
