"""How old an answer may be: not at all by default, a little where that is set, more while the storage is down."""

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial

from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.stored_project import CachedDocument, StoredProject
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import DamagedObjectError, StorageUnavailableError
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings import Freshness

log = logging.getLogger(__name__)

SEVERAL = 2
"""So many projects whose documents cannot be read are no trouble of theirs."""
PATIENCE_SECONDS = 5.0
"""How long a reader waits for a storage that was well a moment ago; pip gives up after 15."""


@dataclass(frozen=True, slots=True)
class FreshProject:
    """A project as a reader sees it."""

    stored: StoredProject
    stale_seconds: float | None = None
    """Since when nobody knows whether it is still so; None where it is current."""


class _Outage:
    """Of which projects the storage does not give the documents; where it is several, it gives none."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    def concerns(self, name: str) -> bool:
        """Return whether this project's document is not to be expected."""
        return name in self._failing or self._is_general

    def noticed(self, name: str) -> None:
        if self.concerns(name):
            return
        self._failing.add(name)
        if self._is_general:
            log.error("The storage does not answer: known projects are shown as they were")
        else:
            log.error("The storage does not answer for the project %s: it is shown as it was", name)

    def over(self, name: str) -> None:
        if self.concerns(name):
            log.info("The storage answers again")
            self._failing = set() if self._is_general else self._failing - {name}

    @property
    def _is_general(self) -> bool:
        return len(self._failing) >= SEVERAL


class FreshReader:
    """Reads documents for those who look at them."""

    def __init__(self, documents: Documents, freshness: Freshness, clock: MonotonicClock = time.monotonic) -> None:
        self._documents = documents
        self._freshness = freshness
        self._clock = clock
        self._outage = _Outage()

    async def read(self, name: NormalizedName) -> FreshProject:
        """Return the project as fresh as it has to be.

        Raises `StorageUnavailableError` if the storage does not answer and nothing recent enough is known.
        """
        cached = self._documents.cached(name)
        if cached is None:
            return FreshProject(await asyncio.shield(self._asked(name)))
        if self.is_fresh(cached):
            return FreshProject(cached.stored)
        return await self._current_or_cached(name, cached)

    def is_fresh(self, cached: CachedDocument) -> bool:
        """Return whether what is known is as fresh as it has to be, as far as that can be told without reading."""
        fresh_seconds = self._freshness.fresh_seconds
        return (fresh_seconds > 0 and self._age(cached) < fresh_seconds) or self._documents.fingerprint_matches(
            cached
        )

    async def is_unchanged(self, cached: CachedDocument) -> bool:
        """Ask the storage whether what is known is how it is now; False: only `read` tells.

        Nobody shares the question.
        """
        # While the storage is down, only `read` knows how long to wait for it.
        return not self._outage.concerns(cached.stored.project.name) and await self._documents.is_unchanged(cached)

    async def _current_or_cached(self, name: NormalizedName, cached: CachedDocument) -> FreshProject:
        """Ask the storage. While it is down, nobody waits for it: the question itself finds out when it is back."""
        current = self._asked(name)
        await asyncio.wait([current], timeout=0.05 if self._outage.concerns(name) else PATIENCE_SECONDS)
        if current.done() and not _tells_of_an_outage(current):
            return FreshProject(current.result())
        self._outage.noticed(name)
        if self._age(cached) <= self._freshness.stale_seconds:
            return FreshProject(cached.stored, self._age(cached))
        return FreshProject(await asyncio.shield(current))

    def _asked(self, name: NormalizedName) -> asyncio.Task[StoredProject]:
        current = self._documents.reading(name)
        current.add_done_callback(partial(self._heard, name))
        return current

    def _heard(self, name: NormalizedName, answer: asyncio.Task[StoredProject]) -> None:
        if answer.cancelled():
            return
        if _tells_of_an_outage(answer):
            self._outage.noticed(name)
        elif answer.exception() is None:
            self._outage.over(name)

    def _age(self, cached: CachedDocument) -> float:
        return self._clock() - cached.checked


def _tells_of_an_outage(answer: asyncio.Task[StoredProject]) -> bool:
    """Return whether the storage was unreachable. Damaged content is no outage: an older page would hide it."""
    error = answer.exception()
    return isinstance(error, StorageUnavailableError) and not isinstance(error, DamagedObjectError)
