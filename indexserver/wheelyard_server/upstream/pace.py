"""How fast an upstream sends a file. One that sends a byte now and then would keep a slot without end."""

from wheelyard_server.clock import MonotonicClock

WINDOW_SECONDS = 60.0
"""Time of waiting after which the rate is looked at. It is as for clients, see `Limits.body_seconds`."""
MIN_BYTES_PER_SECOND = 1024


class Pace:
    """Measures the time that is spent waiting for bytes. A slow reader of them does not count."""

    def __init__(self, clock: MonotonicClock) -> None:
        self._clock = clock
        self._since = 0.0
        self._waited = 0.0
        self._size = 0

    def wait(self) -> None:
        """Begin to wait for bytes."""
        self._since = self._clock()

    def receive(self, size: int) -> None:
        """End waiting; raise `TimeoutError` if the bytes of a window came too slowly."""
        self._waited += self._clock() - self._since
        self._size += size
        if self._waited < WINDOW_SECONDS:
            return
        is_too_slow = self._size < MIN_BYTES_PER_SECOND * self._waited
        self._waited, self._size = 0.0, 0
        if is_too_slow:
            raise TimeoutError
