"""The events that wait to be sent: bounded, and without repeats."""

from collections import Counter, OrderedDict, deque
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import NamedTuple

from wheelyard_server.events import Event
from wheelyard_server.events.cloud_events import encoded, id_of
from wheelyard_server.settings.webhook import EventKind

MAX_WAITING = 1000
"""Events of each kind that wait: a client that causes many of one kind displaces no other kind."""
MAX_KNOWN = 10_000
"""Ids that are remembered, to leave out repeats."""


class Result(StrEnum):
    """What became of an event."""

    SENT = "sent"
    REFUSED = "refused"
    """The receiver does not take this event."""
    DROPPED = "dropped"
    """Too many newer ones wait."""


@dataclass(slots=True)
class EventCounts:
    """Counts since the process started."""

    results: Counter[tuple[EventKind, Result]] = field(default_factory=Counter)
    failed_attempts: int = 0


class Waiting(NamedTuple):
    """An event that waits to be sent."""

    number: int
    """Increases with each event of the process."""
    kind: EventKind
    id: str
    body: bytes


class EventQueue:
    """See `Events`; `first` and `done` are for the one that sends."""

    def __init__(self, source: str, wanted: Collection[EventKind]) -> None:
        self._source = source
        self.counts = EventCounts()
        self._numbers = count()
        self._waiting: dict[EventKind, deque[Waiting]] = {kind: deque() for kind in wanted}
        self._known: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of events that wait."""
        return sum(map(len, self._waiting.values()))

    def emit(self, event: Event) -> None:
        """See `Events`. The oldest event of this kind is dropped if too many wait."""
        waiting = self._waiting.get(event.kind)
        found = id_of(self._source, event)
        if waiting is None or self._is_known(found):
            return
        waiting.append(Waiting(next(self._numbers), event.kind, found, encoded(self._source, event)))
        if len(waiting) > MAX_WAITING:
            self.counts.results[waiting.popleft().kind, Result.DROPPED] += 1

    def first(self) -> Waiting | None:
        """Return the oldest event; None if none waits."""
        return min((each[0] for each in self._waiting.values() if each), default=None)

    def done(self, event: Waiting, result: Result) -> None:
        """Remove an event that `first` has returned. It may have been dropped since."""
        waiting = self._waiting[event.kind]
        if waiting and waiting[0] is event:
            waiting.popleft()
            self.counts.results[event.kind, result] += 1

    def _is_known(self, id: str) -> bool:  # noqa: A002 - the name of CloudEvents
        if id in self._known:
            self._known.move_to_end(id)
            return True
        self._known[id] = None
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return False
