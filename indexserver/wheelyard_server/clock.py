"""Clocks, as types: code that needs the time is given one of these, so that tests can set it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

WallClock = Callable[[], datetime]
"""Returns the current time in UTC."""
EpochClock = Callable[[], float]
"""Returns the current time in seconds since 1970, such as `time.time`."""
MonotonicClock = Callable[[], float]
"""Returns seconds that only grow, such as `time.monotonic`."""


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def epoch_clock(now: WallClock) -> EpochClock:
    """Return the same clock in seconds since 1970. The real one is quick enough for each download."""
    return time.time if now is utc_now else lambda: now().timestamp()
