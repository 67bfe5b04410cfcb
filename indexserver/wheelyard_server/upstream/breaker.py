"""Whether a host may be asked now: one that does not answer is asked every few seconds, and no more."""

from dataclasses import dataclass

from wheelyard_server.clock import MonotonicClock

PROBE_SECONDS = 5.0
"""While a host does not answer, one request in this time finds out whether it does again."""
FAILURES = 3
"""Failed requests in a row that count as an outage: one project's page may fail by itself."""
MAX_WAIT_SECONDS = 600.0
"""A host that asks for a longer pause is asked again after this time."""


class Pause(Exception):  # noqa: N818 - a state, not an error
    """The host must not be asked now; the text continues "The upstream NAME ..."."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass
class Breaker:
    """One host, or one upstream whose hosts are asked to wait together."""

    clock: MonotonicClock
    reason: str = ""
    """Why the host is not asked; "" while it is."""
    _failures: int = 0
    _until: float = 0
    """When it is asked again."""
    _waits: bool = False
    """Whether it asked for the pause itself: answers to earlier requests do not end it."""

    def check(self) -> None:
        """Raise `Pause` if no request is allowed now."""
        left = self._until - self.clock() if self.reason else 0
        if left > 0:
            raise Pause(self.reason, left)

    def enter(self) -> None:
        """Allow a request, or raise `Pause`."""
        self.check()
        if self.reason:
            # This request is the probe. The next one follows later even if this one never ends.
            self._until, self._waits = self.clock() + PROBE_SECONDS, False

    def succeeded(self) -> None:
        """Record an answer."""
        if not self._waits:
            self._failures, self.reason = 0, ""

    def failed(self, reason: str, *, is_down: bool) -> None:
        """Record a failed request; `is_down`: there was no answer at all."""
        self._failures = FAILURES if is_down else self._failures + 1
        if self._failures >= FAILURES:
            self.reason, self._until = reason, self.clock() + PROBE_SECONDS

    def wait(self, reason: str, seconds: float) -> float:
        """Record that the host asks for a pause; return the seconds that it gets."""
        granted = min(seconds, MAX_WAIT_SECONDS)
        self.reason, self._waits, self._until = reason, True, self.clock() + granted
        return granted
