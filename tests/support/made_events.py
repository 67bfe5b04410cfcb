"""Events that nothing caused."""

from datetime import UTC, datetime

from wheelyard_server.events import Event
from wheelyard_server.settings.webhook import EventKind

NOW = datetime(2026, 11, 30, 19, 42, 5, tzinfo=UTC)


def made(subject: str, kind: EventKind = EventKind.BLOCKED) -> Event:
    """Return an event about this."""
    return Event(kind, subject, (subject,), NOW, {"filename": subject, "version": "", "until": None})
