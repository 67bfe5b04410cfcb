"""Keeps what arrives from upstreams: digests in the documents, bytes in the storage within their bound."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from wheelyard_server.catalog.counts import Counts, MirrorEvent
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.mirrors import pins
from wheelyard_server.catalog.mirrors.budget import STORED_WITHIN, MirrorBudget
from wheelyard_server.catalog.mirrors.listed_file import Kept, ListedFile
from wheelyard_server.catalog.refusals import refused
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.errors import UpstreamBytesError, WheelyardError
from wheelyard_server.model import Project
from wheelyard_server.storage import Storage, layout

log = logging.getLogger(__name__)


class Keeper:
    """Stores bytes by their digest, and writes into documents what was found out about files."""

    def __init__(
        self, storage: Storage, documents: Documents, gate: WriteGate, budget: MirrorBudget, counts: Counts
    ) -> None:
        self._storage = storage
        self._documents = documents
        self._gate = gate
        self._budget = budget
        self._counts = counts

    async def pin(self, listed: ListedFile, kept: Kept) -> Project:
        """Write the digest and the size of a file into its document, and return the document.

        Raises `UpstreamBytesError` if the document has another digest, or does not list the file
        any more, `RefusedFileError` if a rule refuses these bytes, and `StorageError`.
        """
        project = await self.change(listed, partial(_pinned, listed, kept))
        file = listed.of(project)
        if file is None or file.sha256 != kept.sha256:
            reason = f"does not list {listed.file.filename} any more: read the project's page again"
            raise UpstreamBytesError(listed.upstream, reason)
        # As long as the digest was unknown, no rule could refuse it.
        verdict = self._documents.written(project).verdict(file)
        if not verdict.is_served:
            raise refused(project.name, file, verdict)
        return project

    async def change(self, listed: ListedFile, change: Callable[[Project], Project]) -> Project:
        """Change the document of a file; raise `StorageError`, and `UnsafeStorageError` if it refuses writes."""
        await self._gate.passed()
        return await self._documents.change(listed.project, change)

    async def arrived(self, listed: ListedFile, kept: Kept, path: Path) -> None:
        """Keep a whole file, if possible."""
        await self.keep(kept, path, partial(self.pin, listed, kept) if listed.file.size is None else None)

    async def keep(
        self, kept: Kept, source: Path | bytes, before: Callable[[], Awaitable[object]] | None = None
    ) -> bool:
        """Store bytes if there is space, after `before`; return whether they are stored. Raises nothing."""
        try:
            if before is not None:
                await before()
            is_stored = await self._store(kept, source)
        except (WheelyardError, TimeoutError) as error:
            log.warning("%s could not be kept: %s", layout.mirrored(kept.sha256), error)
            self._counts.mirrored[MirrorEvent.NOT_STORED] += 1
            return False
        self._counts.mirrored[MirrorEvent.KEPT if is_stored else MirrorEvent.BOUND_REACHED] += 1
        return is_stored

    async def _store(self, kept: Kept, source: Path | bytes) -> bool:
        await self._gate.passed()
        if not await self._budget.take(kept.size):
            return False
        async with asyncio.timeout(STORED_WITHIN.total_seconds()):
            await self._storage.store({layout.mirrored(kept.sha256): source})
        return True


def _pinned(listed: ListedFile, kept: Kept, project: Project) -> Project:
    return pins.with_bytes(project, listed, kept.sha256, kept.size)
