"""How old an answer may be: not at all by default, a little where that is set, more while the storage is down."""

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial

from wheelyard_server.catalog.documents import Documents, Known, Seconds, Version
from wheelyard_server.errors import DamagedObjectError, StorageUnavailableError
from wheelyard_server.names import NormalizedName

log = logging.getLogger(__name__)

SEVERAL = 2
"""So many projects whose documents cannot be read are no trouble of theirs."""
PATIENCE_SECONDS = 5.0
"""How long a reader waits for a storage that was well a moment ago; pip gives up after 15."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """What readers accept. Writers always see what is there now."""

    fresh_seconds: float = 0
    """An answer may be this old. 0: never older than the request."""
    stale_seconds: float = 3600
    """While the storage does not answer, what is known of a project is shown for so long, marked as stale."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A project as a reader sees it."""

    version: Version
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

    def __init__(self, documents: Documents, freshness: Freshness, clock: Seconds = time.monotonic) -> None:
        self._documents = documents
        self._freshness = freshness
        self._clock = clock
        self._outage = _Outage()

    async def read(self, name: NormalizedName) -> Seen:
        """Return the project as fresh as it has to be.

        Raises `StorageUnavailableError` if the storage does not answer and nothing recent enough is known.
        """
        known = self._documents.known(name)
        if known is None:
            return Seen(await asyncio.shield(self._asked(name)))
        if self.is_fresh(known):
            return Seen(known.version)
        return await self._current_or_known(name, known)

    def is_fresh(self, known: Known) -> bool:
        """Return whether what is known is as fresh as it has to be, as far as that can be told without reading."""
        fresh_seconds = self._freshness.fresh_seconds
        return (fresh_seconds > 0 and self._age(known) < fresh_seconds) or self._documents.is_current(known)

    async def holds(self, known: Known) -> bool:
        """Ask the storage whether what is known is how it is now; False: only `read` tells.

        Nobody shares the question.
        """
        # While the storage is down, only `read` knows how long to wait for it.
        return not self._outage.concerns(known.version.project.name) and await self._documents.holds(known)

    async def _current_or_known(self, name: NormalizedName, known: Known) -> Seen:
        """Ask the storage. While it is down, nobody waits for it: the question itself finds out when it is back."""
        current = self._asked(name)
        await asyncio.wait([current], timeout=0.05 if self._outage.concerns(name) else PATIENCE_SECONDS)
        if current.done() and not _tells_of_an_outage(current):
            return Seen(current.result())
        self._outage.noticed(name)
        if self._age(known) <= self._freshness.stale_seconds:
            return Seen(known.version, self._age(known))
        return Seen(await asyncio.shield(current))

    def _asked(self, name: NormalizedName) -> asyncio.Task[Version]:
        current = self._documents.reading(name)
        current.add_done_callback(partial(self._heard, name))
        return current

    def _heard(self, name: NormalizedName, answer: asyncio.Task[Version]) -> None:
        if answer.cancelled():
            return
        if _tells_of_an_outage(answer):
            self._outage.noticed(name)
        elif answer.exception() is None:
            self._outage.over(name)

    def _age(self, known: Known) -> float:
        return self._clock() - known.checked


def _tells_of_an_outage(answer: asyncio.Task[Version]) -> bool:
    """Return whether the storage was unreachable. Damaged content is no outage: an older page would hide it."""
    error = answer.exception()
    return isinstance(error, StorageUnavailableError) and not isinstance(error, DamagedObjectError)
