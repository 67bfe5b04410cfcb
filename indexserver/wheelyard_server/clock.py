"""Clocks, as types: code that needs the time is given one of these, so that tests can set it."""

from collections.abc import Callable
from datetime import datetime

WallClock = Callable[[], datetime]
"""Returns the current time in UTC."""
EpochClock = Callable[[], float]
"""Returns the current time in seconds since 1970, such as `time.time`."""
MonotonicClock = Callable[[], float]
"""Returns seconds that only grow, such as `time.monotonic`."""
