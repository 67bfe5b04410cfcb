"""The projects' documents: revalidated reads and compare-and-swap changes.

A document is cached with its ETag. Each request revalidates it with a conditional read, which
concurrent requests share. So an answer is never older than its request, on any replica.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from wheelyard_server.catalog import encoding
from wheelyard_server.catalog.coalescing import CoalescedCalls
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.counts import Counts
from wheelyard_server.catalog.offers import Offers
from wheelyard_server.catalog.ownership import StorageFormat
from wheelyard_server.catalog.packed_files import memory_of, packed, unpacked
from wheelyard_server.catalog.serials import last_serial, next_serial
from wheelyard_server.catalog.stored_project import CachedDocument, ProjectView, StoredProject, Views, parsed
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import (
    ObjectNotFoundError,
    ObjectUnchangedError,
    PreconditionFailedError,
    StorageUnavailableError,
)
from wheelyard_server.model import Project
from wheelyard_server.names import NormalizedName
from wheelyard_server.sliced import in_slices
from wheelyard_server.storage import ETag, Fingerprint, Storage, cheap_checks, layout, local_paths

CACHED_BYTES = 64 * 1024**2
"""Memory for cached documents. Mirrors of the 1,000 most used projects of PyPI take 52 MiB, packed."""
MEMORY_PER_BYTE = 3
"""Memory of a decoded document per stored byte."""
SWAP_TRIES = 50
"""Enough for many writers of one project: each lost round means that another write succeeded."""
OPERATIONS_KEPT = 8
"""Maximum number of other writes between a write and the check whether it took effect, usually
within a second."""
_OPERATION_BYTES = 8
CHANGED_AT_ONCE = 500
"""Maximum number of files, including deleted ones, of a project that is changed on the event
loop."""


class Documents:
    """All project documents of one storage."""

    def __init__(
        self,
        storage: Storage,
        clock: MonotonicClock = time.monotonic,
        counts: Counts | None = None,
        storage_format: StorageFormat | None = None,
        views: Views | None = None,
    ) -> None:
        self._storage = storage
        self._local, self._checks = local_paths(storage), cheap_checks(storage)
        self._format = storage_format or StorageFormat(storage)
        self._views = views or Views()
        self._now = self._views.now
        self._counts = counts or Counts()
        self._clock = clock
        self._cache: MemoryCache[str, CachedDocument] = MemoryCache(CACHED_BYTES)
        self._revalidate = CoalescedCalls(self._revalidated)

    async def read(self, name: NormalizedName) -> StoredProject:
        """Return the current project; an unknown one has no files and no ETag."""
        return await self._revalidate(name)

    def reading(self, name: NormalizedName) -> asyncio.Task[StoredProject]:
        """Return the task that `read` waits for. It is shared, so it must not be canceled."""
        return self._revalidate.next_call(name)

    async def latest(self, name: NormalizedName) -> StoredProject:
        """Return what was last read or written, for a caller that has just done so."""
        cached = self._cache.get(name)
        return await self.read(name) if cached is None else cached.stored

    def cached(self, name: NormalizedName) -> CachedDocument | None:
        """Return the last read of a document, without asking the storage."""
        return self._cache.get(name)

    def view(self, stored: StoredProject) -> ProjectView | None:
        """Return what was read as readers see it now, made once; None if it does not exist for them."""
        cached = self._cache.get(stored.project.name)
        is_cached = cached is not None and cached.stored is stored
        view = cached.view if cached is not None and is_cached else None
        if view is not None and self._views.is_current(view):
            return view
        # The time or the basis may have changed a verdict, or whether the project is there.
        renewed = self._views.of(stored)
        if cached is not None and is_cached and renewed is not view:
            self._keep(cached._replace(view=renewed))
        return renewed

    def written(self, project: Project) -> ProjectView:
        """Return a project as its writer sees it, whether others have changed it since or not."""
        return self._views.written(project)

    def offers(self, stored: StoredProject) -> Offers:
        """Return the verdicts on all files of a project, also of one that pages do not show."""
        view = self.view(stored)
        return self._views.offers(stored.project) if view is None else view.offers

    def fingerprint_matches(self, cached: CachedDocument) -> bool:
        """Return whether the fingerprint shows that this is current; False: only a read shows it."""
        if cached.fingerprint is None or self._local is None:
            return False
        return cached.fingerprint == self._local.fingerprint(layout.document(cached.stored.project.name))

    async def is_unchanged(self, cached: CachedDocument) -> bool:
        """Return whether the storage confirms that this is current; False: only a read shows it. Not coalesced."""
        (project, etag), _, size, fingerprint, view = cached
        if etag is None or self._checks is None:
            return False
        if not await self._checks.is_unchanged(layout.document(project.name), etag):
            return False
        self._counts.revalidations += 1
        if self._cache.get(project.name) is cached:
            checked = CachedDocument(cached.stored, self._clock(), size, fingerprint, view)
            self._keep(checked)
        return True

    async def format(self) -> int:
        """Return the format of new documents; raise `StorageError` if the storage does not answer."""
        return await self._format.current()

    async def change(
        self,
        name: NormalizedName,
        change: Callable[[Project], Project],
        objects: Mapping[str, Path | bytes] = MappingProxyType({}),
        *,
        known: StoredProject | None = None,
        in_thread: bool = False,
    ) -> Project:
        """Apply `change` to the project; return the result once it is in the storage.

        `change` is a pure function. It may be applied several times, to newer and newer versions.
        If it returns its argument, nothing is written. `objects` are the objects that the changed
        project names for the first time. They are stored before the change is visible, and only if
        there is something to write. `known` is the project as it was read before, which saves a
        read if nothing was written since. `in_thread` says that the change takes long. Raises
        `StorageUnavailableError` if it remains unknown whether the change took effect.
        """
        operation = secrets.token_hex(_OPERATION_BYTES)
        for _ in range(SWAP_TRIES):
            stored = known or await self.read(name)
            if operation in stored.project.operations:
                # Our own write of an earlier round took effect, although its answer was lost or
                # reported a conflict. Others may have written since, or even undone it.
                return stored.project
            project = await unpacked(stored.project)
            changed = await _changed(project, change, operation, in_thread=in_thread)
            if changed is project and known is None:
                return changed
            if changed is not project:
                if await self._swapped(changed, stored.etag, objects):
                    return changed
                objects = {}  # They are stored: only the swap was refused.
            known = None
        raise StorageUnavailableError(layout.document(name), "too many concurrent writers")

    async def _swapped(self, changed: Project, expected: ETag | None, objects: Mapping[str, Path | bytes]) -> bool:
        """Try to write `changed` as the project's document; False means: read it again and decide."""
        try:
            await self._write(changed, expected, objects)
        except PreconditionFailedError:
            self._counts.conflicts += 1
            return False
        except StorageUnavailableError:
            # The write may have taken effect although no answer came. Only the document shows that.
            current = await self._revalidated(changed.name)
            if changed.operations[-1] not in current.project.operations:
                raise
        return True

    async def _write(self, project: Project, expected: ETag | None, objects: Mapping[str, Path | bytes]) -> None:
        key, allowed = layout.document(project.name), await self._format.current()
        lists = await _encoded_lists(project, allowed)
        written, body = project, b""

        def encoded() -> bytes:
            nonlocal written, body
            # As late as possible: a serial must become visible soon after it is chosen, see
            # `serials`.
            serial = next_serial(project, self._now())
            written = encoding.in_format(project.replace(serial=serial), allowed)
            body = encoding.encode(written) if lists is None else encoding.encode_around(written, lists)
            return body

        if objects:
            etag = await self._storage.commit(objects, key, encoded, expected=expected)
        else:
            # To join the parts of a large document takes long, even if nothing is encoded.
            joined = encoded() if lists is None else await asyncio.to_thread(encoded)
            etag = await self._storage.write(key, joined, expected=expected)
        self._remember(StoredProject(await packed(written), etag), len(body))

    async def _revalidated(self, name: str) -> StoredProject:
        self._counts.revalidations += 1
        cached = self._cache.get(name)
        asked = cached.stored.etag if cached else None
        fingerprint = self._local.fingerprint(layout.document(name)) if self._local else None
        try:
            body, etag = await self._storage.read(layout.document(name), if_none_match=asked)
        except ObjectUnchangedError:
            if cached is None:
                raise
            return self._remember(cached.stored, cached.size, fingerprint)
        except ObjectNotFoundError:
            self._cache.drop(name)
            return StoredProject(Project(name=name), None)
        return self._remember(StoredProject(await packed(await parsed(body, name)), etag), len(body), fingerprint)

    def _remember(self, stored: StoredProject, size: int, fingerprint: Fingerprint | None = None) -> StoredProject:
        known = self._cache.get(stored.project.name)
        view = known.view if known is not None and known.stored is stored else self._views.of(stored)
        cached = CachedDocument(stored, self._clock(), size, fingerprint, view)
        self._keep(cached)
        return stored

    def _keep(self, cached: CachedDocument) -> None:
        project = cached.stored.project
        self._cache.put(project.name, cached, memory_of(project, cached.size * MEMORY_PER_BYTE))


async def _encoded_lists(project: Project, allowed: int) -> encoding.EncodedLists | None:
    """Return the long lists of a large document; None if it is encoded whole."""
    if not encoding.is_large(project):
        return None
    return await in_slices(encoding.encode_lists(encoding.in_format(project, allowed)))


async def _changed(
    project: Project, change: Callable[[Project], Project], operation: str, *, in_thread: bool
) -> Project:
    """Return the result of `_next`, computed in another thread for a large project."""
    mirrored = 0 if project.mirror is None else len(project.mirror.files)
    if not in_thread and len(project.files) + len(project.deleted) + mirrored <= CHANGED_AT_ONCE:
        return _next(project, change, operation)
    return await asyncio.to_thread(_next, project, change, operation)


def _next(project: Project, change: Callable[[Project], Project], operation: str) -> Project:
    """Return the project after this operation; the same object means that nothing changed."""
    changed = change(project)
    if changed == project:
        return project
    operations = (*project.operations, operation)
    return changed.replace(
        operations=operations[-OPERATIONS_KEPT:], format=project.format, serial=last_serial(project)
    )
