"""Guards one upstream's requests: each is retried once, and hosts that are down are not asked."""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import NoReturn, TypeVar

from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import (
    UpstreamAnswerError,
    UpstreamCredentialsError,
    UpstreamError,
    UpstreamFileMissingError,
    UpstreamUnavailableError,
)
from wheelyard_server.upstream.breaker import PROBE_SECONDS, Breaker, Pause
from wheelyard_server.upstream.credentials import UnusableCredentialsError
from wheelyard_server.upstream.failures import AskedToWaitError, ForbiddenTargetError, HiccupError
from wheelyard_server.upstream.health import HealthRecord
from wheelyard_server.upstream.urls import Origin

T = TypeVar("T")
Attempt = Callable[[bool], Awaitable[T]]
"""Makes a request; the argument says whether it must use a new connection."""
_MAX_HOSTS = 64


class Guard:
    """The state of one upstream's hosts. Its errors are those of `Upstream`."""

    def __init__(self, name: str, health: HealthRecord, clock: MonotonicClock) -> None:
        self._name = name
        self._health = health
        self._clock = clock
        self._whole = Breaker(clock)
        """Does not allow requests while the upstream asks to wait."""
        self._hosts: dict[Origin, Breaker] = {}

    async def call(self, origin: Origin, attempt: Attempt[T], *, is_retry: bool = False) -> T:
        """Return the result of a request to a host; raise `UpstreamError`."""
        breaker = self._breaker(origin)
        self._check(self._whole.check, breaker.enter, self._whole.enter)
        try:
            result = await _tried(attempt, is_retry=is_retry)
        except HiccupError as error:
            self._down(origin, error)
        except AskedToWaitError as error:
            self._wait(origin, error)
        except ForbiddenTargetError as error:
            self._health.fails(origin, str(error))
            raise UpstreamAnswerError(self._name, str(error)) from error
        except UnusableCredentialsError as error:
            self._health.fails(origin, str(error))
            raise UpstreamCredentialsError(self._name, str(error)) from error
        except UpstreamError as error:
            self._answered(breaker)
            self._unusable(origin, error)
            raise
        self._answered(breaker)
        self._health.works(origin)
        return result

    def interrupted(self, origin: Origin, reason: str) -> UpstreamUnavailableError:
        """Record that a transfer from a host ended early; return the error."""
        self._breaker(origin).failed(reason, is_down=False)
        return UpstreamUnavailableError(self._name, reason)

    def check(self, origin: Origin) -> None:
        """Raise `UpstreamUnavailableError` if a host must not be asked now, so that nothing waits for that."""
        self._check(self._whole.check, self._breaker(origin).check)

    def _check(self, *checks: Callable[[], None]) -> None:
        try:
            for check in checks:
                check()
        except Pause as pause:
            raise UpstreamUnavailableError(self._name, str(pause), max(ceil(pause.seconds), 1)) from None

    def _answered(self, breaker: Breaker) -> None:
        breaker.succeeded()
        self._whole.succeeded()

    def _down(self, origin: Origin, error: HiccupError) -> NoReturn:
        breaker = self._breaker(origin)
        breaker.failed(str(error), is_down=error.is_down)
        if breaker.reason:
            self._health.fails(origin, str(error))
        raise UpstreamUnavailableError(self._name, str(error), ceil(PROBE_SECONDS)) from error

    def _wait(self, origin: Origin, error: AskedToWaitError) -> NoReturn:
        seconds = self._whole.wait(str(error), error.seconds)
        self._health.fails(origin, str(error))
        raise UpstreamUnavailableError(self._name, str(error), max(ceil(seconds), 1)) from error

    def _unusable(self, origin: Origin, error: UpstreamError) -> None:
        """Record an error of a host that answers. A missing file is not a fault of it."""
        if isinstance(error, UpstreamCredentialsError):
            self._health.fails(origin, error.reason)
        elif isinstance(error, UpstreamFileMissingError):
            self._health.works(origin)
        elif isinstance(error, UpstreamAnswerError):
            self._health.is_odd(origin, error.reason)

    def _breaker(self, origin: Origin) -> Breaker:
        breaker = self._hosts.pop(origin, None) or Breaker(self._clock)
        self._hosts[origin] = breaker
        if len(self._hosts) > _MAX_HOSTS:
            del self._hosts[next(iter(self._hosts))]
        return breaker


async def _tried(attempt: Attempt[T], *, is_retry: bool) -> T:
    try:
        return await attempt(is_retry)
    except HiccupError:
        # The same connection may lead to the same broken node again for hours (PyPI, August 2026).
        return await attempt(True)
