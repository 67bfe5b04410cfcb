"""Requests that really run at the same time, as a seed decides, and the question how it can have been.

An outcome is explained if there is an order of the requests, one after the other, in which the
model gives every answer that was given, and in which none comes before another that had ended when
it began: linearizability.
"""

import asyncio
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from support import invariants
from support.catalogs import DEMO
from support.index_model import Answer, Client, Kind, Model, Request
from support.invariants import Page
from support.machine import MUCH_LATER
from support.memory_storage import Fault, MemoryStorage
from support.watched_storage import WatchedStorage
from wheelyard_server.catalog.catalog import Catalog
from wheelyard_server.catalog.publish import Upload
from wheelyard_server.errors import StorageUnavailableError
from wheelyard_server.maintenance.gc import Collector
from wheelyard_server.model.status import Status

CLIENTS = 4
REQUESTS_OF_A_CLIENT = 3
REPLICAS = 3
MAX_PAUSE = 6
"""Turns of the event loop, before and after every call."""
QUIET = (Fault.LOST_REQUEST, Fault.LOST_ANSWER, Fault.LOST_ANSWER_THEN_CONFLICT, Fault.CONFLICT)
"""Faults that take no time, so that the seed alone decides the order."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, when it began and ended, and its answer."""

    request: Request
    begin: float
    end: float
    """Infinite where no answer came: it may take effect at any time, or never."""
    answer: Answer


class Race:
    """Clients that ask at the same time."""

    def __init__(self, seed: int, uploads: dict[tuple[str, str], Upload], storage: MemoryStorage) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a seed is what it is for
        self._uploads = uploads
        self._storage = storage
        watched = WatchedStorage(storage, self._pause, self._pause)
        self._watched = watched
        self._catalogs = [Catalog(watched) for _ in range(REPLICAS)]
        self._moments = 0
        self._calls: list[Call] = []

    async def run(self) -> None:
        """Let all clients ask; raise `AssertionError` if what came of it cannot be explained."""
        if self._random.random() < 0.5:
            call = self._random.randrange(1, 80)
            self._storage.fail_at(call, self._random.choice(QUIET), self._random.choice([1, 1, 4]))
        clients = [self._client() for _ in range(CLIENTS)]
        await asyncio.gather(*clients, self._collector())
        self._storage.recover()
        final = await invariants.page(Catalog(self._storage), DEMO)
        for catalog in self._catalogs:
            assert await invariants.listing(catalog, DEMO) == final
        assert explained(frozenset(self._calls), final), f"no order explains {self._calls} and {final}"

    async def _client(self) -> None:
        for _ in range(REQUESTS_OF_A_CLIENT):
            client = Client(self._random.choice(self._catalogs), self._uploads)
            request = self._request()
            begin = self._moment()
            try:
                answer, end = await client.ask(request), self._moment()
            except StorageUnavailableError:
                answer, end = None, math.inf
            self._calls.append(Call(request, begin, end, answer))

    async def _collector(self) -> None:
        """Collect all the time and without any grace: only the fences protect uploads."""
        for _ in range(3):
            await self._pause("", "")
            try:
                await Collector(self._watched, lambda _: None, MUCH_LATER, timedelta()).run()
            except StorageUnavailableError:
                continue

    def _request(self) -> Request:
        # Two wheels, one of them in two spellings, make it a crowd.
        filename, sha256 = self._random.choice(sorted(self._uploads)[:6])
        kind = self._random.choice([*Kind, Kind.UPLOAD, Kind.UPLOAD, Kind.READ])
        status = self._random.choice([Status.ACTIVE, Status.ARCHIVED])
        return Request(kind, filename, sha256, status)

    def _moment(self) -> float:
        self._moments += 1
        return self._moments

    async def _pause(self, _method: str, _key: str) -> None:
        for _ in range(self._random.randrange(MAX_PAUSE)):
            await asyncio.sleep(0)


def explained(calls: frozenset[Call], final: Page) -> bool:
    """Return whether some order of the calls explains every answer and what is there at the end."""

    @cache
    def possible(model: Model, left: frozenset[Call]) -> bool:
        if all(call.end == math.inf for call in left) and model.page == final:
            return True
        return any(possible(after, left - {call}) for call, after in _next(model, left))

    return possible(Model(), calls)


def _next(model: Model, left: frozenset[Call]) -> Iterator[tuple[Call, Model]]:
    """Yield the calls that can have been the next to take effect."""
    deadline = min((call.end for call in left), default=math.inf)
    for call in left:
        after, answer = model.ask(call.request)
        if call.begin < deadline and (call.end == math.inf or call.answer == answer):
            yield call, after
