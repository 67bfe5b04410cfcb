"""Events of an index, for people and programs outside: what happened, and where it is announced.

This module and `kinds` are values only, so that the catalog can announce events without knowing
that they are sent, and how.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from wheelyard_server.settings.webhook import EventKind


class Event(NamedTuple):
    """Something that happened."""

    kind: EventKind
    subject: str
    """The file or the name that it is about."""
    key: tuple[str, ...]
    """Makes the id, with the kind: equal on all servers that see the same event."""
    time: datetime
    """In UTC."""
    data: Mapping[str, object]
    """Names, digests and sentences, each of a bounded length."""


class Events(Protocol):
    """Takes events. Must be used on the event loop."""

    def emit(self, event: Event) -> None:
        """Announce an event. It neither blocks nor raises."""
        ...


class _NoEvents:
    """Is used without a webhook."""

    def emit(self, event: Event) -> None:
        """Do nothing."""


NO_EVENTS: Events = _NoEvents()
