"""The maximum age of answers: zero by default, more if configured, and more while the storage is down."""

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial

from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.stored_project import CachedDocument, Forwarded, StoredProject
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import DamagedObjectError, StorageUnavailableError
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Freshness

log = logging.getLogger(__name__)

SEVERAL = 2
"""If this many projects cannot be read, the storage as a whole is down."""
PATIENCE_SECONDS = 5.0
"""How long a reader waits for a storage that answered until now; pip gives up after 15 s."""


@dataclass(frozen=True, slots=True)
class FreshProject:
    """A project, read as fresh as the settings require."""

    stored: StoredProject
    stale_seconds: float | None = None
    """Seconds since it was known to be current; None if it is current."""
    waiting_for: str = "the storage"
    """What does not answer while it is not current, for people."""
    forwarded: Forwarded | None = None
    """That an upstream was asked for it just now."""


class _Outage:
    """Tracks the projects whose documents cannot be read; if there are several, the storage is down."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    def concerns(self, name: str) -> bool:
        """Return whether this project's document is unlikely to be readable."""
        return name in self._failing or self._is_general

    def began(self, name: str) -> None:
        if self.concerns(name):
            return
        self._failing.add(name)
        if self._is_general:
            log.error("The storage does not answer: cached projects are served, marked as stale")
        else:
            log.error(
                "The storage does not answer for the project %s: it is served from the cache, marked as stale", name
            )

    def ended(self, name: str) -> None:
        if self.concerns(name):
            log.info("The storage answers again")
            self._failing = set() if self._is_general else self._failing - {name}

    @property
    def _is_general(self) -> bool:
        return len(self._failing) >= SEVERAL


class FreshReader:
    """Reads documents for readers, within the allowed age."""

    def __init__(self, documents: Documents, freshness: Freshness, clock: MonotonicClock = time.monotonic) -> None:
        self._documents = documents
        self._freshness = freshness
        self._clock = clock
        self._outage = _Outage()

    async def read(self, name: NormalizedName) -> FreshProject:
        """Return the project as fresh as the settings require.

        Raises `StorageUnavailableError` if the storage does not answer and no recent document is
        cached.
        """
        cached = self._documents.cached(name)
        if cached is None:
            return FreshProject(await asyncio.shield(self._start_read(name)))
        if self.is_fresh(cached):
            return FreshProject(cached.stored)
        return await self._current_or_cached(name, cached)

    def is_fresh(self, cached: CachedDocument) -> bool:
        """Return whether a cached document is known to be fresh enough, without asking the storage."""
        fresh_seconds = self._freshness.fresh_seconds
        return (fresh_seconds > 0 and self._age(cached) < fresh_seconds) or self._documents.fingerprint_matches(
            cached
        )

    async def is_unchanged(self, cached: CachedDocument) -> bool:
        """Return whether the storage confirms that a cached document is current; False: only a read shows it.

        The check is not coalesced.
        """
        # During an outage, only `read` knows how long to wait.
        return not self._outage.concerns(cached.stored.project.name) and await self._documents.is_unchanged(cached)

    async def _current_or_cached(self, name: NormalizedName, cached: CachedDocument) -> FreshProject:
        """Return the current document, or during an outage the cached one, without waiting for the read.

        The read continues, and notices when the storage is back.
        """
        current = self._start_read(name)
        await asyncio.wait([current], timeout=0.05 if self._outage.concerns(name) else PATIENCE_SECONDS)
        if current.done() and not _is_outage(current):
            return FreshProject(current.result())
        self._outage.began(name)
        if self._age(cached) <= self._freshness.stale_seconds:
            return FreshProject(cached.stored, self._age(cached))
        return FreshProject(await asyncio.shield(current))

    def _start_read(self, name: NormalizedName) -> asyncio.Task[StoredProject]:
        current = self._documents.reading(name)
        current.add_done_callback(partial(self._record, name))
        return current

    def _record(self, name: NormalizedName, answer: asyncio.Task[StoredProject]) -> None:
        if answer.cancelled():
            return
        if _is_outage(answer):
            self._outage.began(name)
        elif answer.exception() is None:
            self._outage.ended(name)

    def _age(self, cached: CachedDocument) -> float:
        return self._clock() - cached.checked


def _is_outage(answer: asyncio.Task[StoredProject]) -> bool:
    """Return whether the storage was unreachable. Damage is not an outage: an older page would hide it."""
    error = answer.exception()
    return isinstance(error, StorageUnavailableError) and not isinstance(error, DamagedObjectError)
