"""When an upstream is believed that something is gone: once a later page confirms it (U9)."""

from datetime import datetime, timedelta

from wheelyard_server.model.mirror import Mirror

CONFIRMED_AFTER = timedelta(minutes=10)
"""A file that a page lacks is gone if a page that is so much younger lacks it, too (U9)."""


def is_confirmed(mirror: Mirror, first_seen: datetime | None) -> bool:
    """Return whether what the upstream first said at `first_seen` was said again, long enough after it."""
    return first_seen is not None and mirror.fetched - first_seen >= CONFIRMED_AFTER
