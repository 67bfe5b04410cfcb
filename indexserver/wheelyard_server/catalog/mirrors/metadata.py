"""Core metadata of mirrored files (PEP 658): the upstream's if it is right, else read from the wheel."""

import asyncio
import hashlib
import logging
from functools import partial
from pathlib import Path

from wheelyard_server.catalog.coalescing import SharedCalls
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.counts import Counts, MirrorEvent
from wheelyard_server.catalog.inspection.limits import ArchiveLimits
from wheelyard_server.catalog.mirrors import pins
from wheelyard_server.catalog.mirrors.arrivals import Keeper
from wheelyard_server.catalog.mirrors.extraction import read_metadata, read_metadata_by_ranges
from wheelyard_server.catalog.mirrors.files import MirroredFiles
from wheelyard_server.catalog.mirrors.listed_file import ListedFile
from wheelyard_server.catalog.mirrors.small_objects import SmallMirroredObjects
from wheelyard_server.errors import (
    InvalidUploadError,
    NotFoundError,
    UpstreamAnswerError,
    UpstreamError,
    UpstreamFileMissingError,
    WheelyardError,
)

log = logging.getLogger(__name__)

EXTRACTED_AT_ONCE = 4
MAX_WAITING = 64
"""Wheels beyond this number are extracted when a client asks for another range of them."""
TRIED_BYTES = 1024**2
"""Memory for the wheels that were tried."""
_TRIED_BYTES = 200


class MirroredMetadata:
    """Finds the core metadata of mirrored files."""

    def __init__(
        self,
        files: MirroredFiles,
        objects: SmallMirroredObjects,
        keeper: Keeper,
        limits: ArchiveLimits,
        counts: Counts,
    ) -> None:
        self._files = files
        self._objects = objects
        self._keeper = keeper
        self._limits = limits
        self._counts = counts
        self._fetching: SharedCalls[bytes] = SharedCalls()
        self._turn = asyncio.Semaphore(EXTRACTED_AT_ONCE)
        self._tried: MemoryCache[str, bool] = MemoryCache(TRIED_BYTES)
        self.extracting: set[asyncio.Task[None]] = set()
        """Extractions that no client waits for."""

    async def read(self, listed: ListedFile) -> bytes:
        """Return METADATA, byte for byte.

        Raises `NotFoundError` if none is known, `UpstreamError`, and `StorageError`.
        """
        digest = listed.file.core_metadata_sha256
        if digest is None:
            raise NotFoundError("The core metadata of this file is not known")
        body = await self.kept(listed)
        if body is not None:
            return body
        return await self._fetching(f"{listed.identity} {digest}", partial(self._fetch, listed))

    async def kept(self, listed: ListedFile) -> bytes | None:
        """Return METADATA if its bytes are in memory or in the storage; None if not, or if that does not answer."""
        digest = listed.file.core_metadata_sha256
        return await self._objects.kept(digest) if digest else None

    async def find(self, listed: ListedFile) -> bytes | None:
        """Return METADATA of a file, of the upstream or from the wheel itself; None if there is none to be had.

        Raises `UpstreamError` and `StorageError`.
        """
        try:
            if listed.file.core_metadata_sha256 is not None:
                return await self.read(listed)
            async with self._turn:
                body = await self._extract(listed)
            await self._announce(listed, body)
        except (NotFoundError, InvalidUploadError):
            return None
        return body

    def extract_later(self, listed: ListedFile) -> None:
        """Read METADATA of a wheel whose upstream has none, so that the next page announces it."""
        is_needed = listed.file.is_wheel and listed.file.core_metadata_sha256 is None
        if not is_needed or self._tried.get(listed.identity) or len(self.extracting) >= MAX_WAITING:
            return
        self._tried.put(listed.identity, True, len(listed.identity) + _TRIED_BYTES)
        task = asyncio.create_task(self._extract_in_turn(listed))
        self.extracting.add(task)
        task.add_done_callback(self.extracting.discard)

    async def compare(self, listed: ListedFile, path: Path) -> None:
        """Compare METADATA of a wheel that was fetched with the announced digest; announce it if they differ.

        Raises nothing.
        """
        if not listed.file.is_wheel:
            return
        try:
            body = await asyncio.to_thread(_read_metadata, path, listed.file.filename, self._limits)
            if hashlib.sha256(body).hexdigest() != listed.file.core_metadata_sha256:
                await self._announce(listed, body)
        except (WheelyardError, OSError) as error:
            log.info("The core metadata of %s was not compared: %s", listed.file.filename, error)

    async def _fetch(self, listed: ListedFile) -> bytes:
        try:
            body = None if listed.file.extracted else await self._from_upstream(listed)
        except UpstreamError as error:
            return await self._from_kept(listed, error)
        if body is None:
            return await self._from_wheel(listed)
        await self._objects.keep(body)
        if not listed.file.core_metadata_sha256:
            await self._pin(listed, body)
        return body

    async def _from_kept(self, listed: ListedFile, failure: UpstreamError) -> bytes:
        """Return METADATA of a wheel that is kept; raise the failure if none has the announced digest."""
        try:
            body = await read_metadata_by_ranges(
                listed.file.size or 0,
                partial(self._files.read_kept_part, listed),
                listed.file.filename,
                self._limits,
            )
        except (InvalidUploadError, UpstreamFileMissingError):
            raise failure from None
        digest, announced = hashlib.sha256(body).hexdigest(), listed.file.core_metadata_sha256
        if announced and announced != digest:
            raise failure
        await self._objects.keep(body)
        if not announced:
            await self._pin(listed, body, extracted=True)
        return body

    async def _from_upstream(self, listed: ListedFile) -> bytes | None:
        """Return the upstream's core metadata; None if it has none, or other bytes than it announces."""
        try:
            body = await self._files.read_small(listed, listed.metadata_url, self._limits.metadata_bytes)
        except UpstreamFileMissingError as error:
            log.warning("Core metadata that is announced is missing: %s", error)
            return None
        digest = listed.file.core_metadata_sha256
        if digest and hashlib.sha256(body).hexdigest() != digest:
            log.warning("The core metadata of %s does not have the digest %s", listed.file.filename, digest)
            return None
        return body

    async def _from_wheel(self, listed: ListedFile) -> bytes:
        """Return METADATA of the wheel; without it, drop the announcement and raise `UpstreamAnswerError`."""
        try:
            body = await self._extract(listed)
        except InvalidUploadError as error:
            await self._pin(listed, None)
            raise UpstreamAnswerError(
                listed.upstream, f"announces core metadata of {listed.file.filename} that it does not have: {error}"
            ) from error
        await self._announce(listed, body)
        return body

    async def _extract(self, listed: ListedFile) -> bytes:
        size = await self._files.size(listed)
        if size is None or not listed.file.is_wheel:
            raise InvalidUploadError("it cannot be read in parts")
        read = partial(self._files.read_part, listed)
        return await read_metadata_by_ranges(size, read, listed.file.filename, self._limits)

    async def _extract_in_turn(self, listed: ListedFile) -> None:
        try:
            async with self._turn:
                await self._announce(listed, await self._extract(listed))
        except InvalidUploadError as error:
            log.info("The core metadata of %s cannot be read: %s", listed.file.filename, error)
        except WheelyardError as error:
            self._tried.drop(listed.identity)
            log.info("The core metadata of %s could not be read: %s", listed.file.filename, error)

    async def _announce(self, listed: ListedFile, body: bytes) -> None:
        """Keep METADATA that was read from the wheel, and let pages announce it."""
        digest = await self._objects.keep(body)
        announced = listed.file.core_metadata_sha256
        if announced is None:
            self._counts.mirrored[MirrorEvent.METADATA_EXTRACTED] += 1
        elif announced and announced != digest:
            self._counts.mirrored[MirrorEvent.METADATA_REPLACED] += 1
            log.warning(
                "The core metadata of %s at %s differs from that in the wheel, which is announced now",
                listed.file.filename,
                listed.upstream,
            )
        await self._pin(listed, body, extracted=True)

    async def _pin(self, listed: ListedFile, body: bytes | None, *, extracted: bool = False) -> None:
        """Write the digest of METADATA into the document, and the license in it; None: there is none."""
        known = pins.KnownMetadata.of(body)
        try:
            await self._keeper.change(
                listed, partial(pins.with_metadata, listed=listed, known=known, extracted=extracted)
            )
        except UpstreamError:
            raise
        except WheelyardError as error:
            # The bytes are right all the same, but pages cannot announce them yet.
            log.warning("The digest of the core metadata of %s was not stored: %s", listed.file.filename, error)


def _read_metadata(path: Path, filename: str, limits: ArchiveLimits) -> bytes:
    with path.open("rb") as file:
        return read_metadata(file, filename, limits)
