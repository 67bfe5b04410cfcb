"""How long a client may take for headers, for a body, and between requests.

All times are those of the event loop's clock.
"""

from wheelyard_server.settings import Limits

MAX_KEEPALIVE_SECONDS = 75


class HeaderDeadline:
    """Measures the headers that a client is sending."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._since: float | None = None
        self._size = 0

    def begin(self, now: float) -> None:
        """Expect headers from now on; they may be expected already."""
        if self._since is None:
            self._since = now

    def receive(self, size: int) -> None:
        """Count bytes of the headers."""
        self._size += size

    def end(self) -> None:
        """Expect no headers: they are whole."""
        self._since, self._size = None, 0

    @property
    def is_too_large(self) -> bool:
        """Whether the headers so far are larger than allowed."""
        return self._size > self._limits.header_bytes

    def is_over(self, now: float) -> bool:
        """Return whether the headers took too long."""
        return self._since is not None and now - self._since > self._limits.header_seconds


class BodyRate:
    """Measures how fast a body comes, on average over each window of `body_seconds`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._since = 0.0
        self._size = 0

    def begin_window(self, now: float) -> None:
        """Measure from now on."""
        self._since, self._size = now, 0

    def receive(self, size: int) -> None:
        """Count bytes of a body."""
        self._size += size

    def is_too_slow(self, now: float) -> bool:
        """Return whether the body came too slowly in a window that has ended; the next one then begins."""
        if now - self._since < self._limits.body_seconds:
            return False
        min_size = self._limits.body_bytes_per_second * self._limits.body_seconds
        is_too_slow = self._size < min_size
        self.begin_window(now)
        return is_too_slow


class IdleTime:
    """Measures how long a connection has had no request."""

    def __init__(self) -> None:
        self._since = 0.0
        self._was_used = False

    def begin(self, now: float) -> None:
        """Measure from now on."""
        self._since = now

    def use(self) -> None:
        """Note that the connection is in use."""
        self._was_used = True

    def seconds(self, now: float, *, is_idle: bool) -> float:
        """Return how long the connection has been idle, given whether it is now."""
        if self._was_used or not is_idle:
            self._since, self._was_used = now, False
        return now - self._since
