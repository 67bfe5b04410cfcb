"""Rate limit for password guesses: failures per user and address within a time window."""

import ipaddress
from collections import OrderedDict

from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import TooManyAttemptsError

WINDOW_SECONDS = 300
USER_FAILURES = 10
"""Maximum failures for one user from one address."""

ADDRESS_FAILURES = 100
"""Maximum failures from one address, for any users."""

_REMEMBERED = 10_000
_IPV6_BITS = 64
"""One customer of a provider gets a network of this size, which counts as one address."""

_Key = tuple[str, str]


class Throttle:
    """Counts guesses in fixed windows, before their result is known.

    Memory is bounded: only the latest few thousand users and addresses are remembered.
    """

    def __init__(self, clock: MonotonicClock) -> None:
        self._clock = clock
        self._windows: OrderedDict[_Key, tuple[float, int]] = OrderedDict()

    def begin(self, user: str, address: str) -> None:
        """Count a guess; raise `TooManyAttemptsError` if this user or address has made too many recently."""
        network = _network(address)
        for key, max_failures in (((user, network), USER_FAILURES), (("", network), ADDRESS_FAILURES)):
            end, failures = self._window(key)
            if failures >= max_failures:
                raise TooManyAttemptsError(round(end - self._clock()) + 1)
        self._count(user, network, 1)

    def succeeded(self, user: str, address: str) -> None:
        """Uncount a guess that was right."""
        self._count(user, _network(address), -1)

    def _count(self, user: str, network: str, by: int) -> None:
        for key in ((user, network), ("", network)):
            end, failures = self._window(key)
            self._windows[key] = end, max(failures + by, 0)
            self._windows.move_to_end(key)
        while len(self._windows) > _REMEMBERED:
            self._windows.popitem(last=False)

    def _window(self, key: _Key) -> tuple[float, int]:
        now = self._clock()
        end, failures = self._windows.get(key, (0, 0))
        return (end, failures) if end > now else (now + WINDOW_SECONDS, 0)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, _IPV6_BITS), strict=False))
    return address
