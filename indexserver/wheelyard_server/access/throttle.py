"""How often one may guess: failures by user and address, forgotten after a while."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

from wheelyard_server.errors import TooManyAttemptsError

WINDOW_SECONDS = 300
USER_FAILURES = 10
"""Of one user from one address."""

ADDRESS_FAILURES = 100
"""From one address, whoever they pretend to be."""

_REMEMBERED = 10_000
_IPV6_BITS = 64
"""What one customer of a provider has, so that nobody has billions of addresses."""

_Key = tuple[str, str]


class Throttle:
    """Counts guesses in fixed windows, before it is known whether they are right.

    It remembers the latest few thousand guessers, whatever they send.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that only grow."""
        self._clock = clock
        self._windows: OrderedDict[_Key, tuple[float, int]] = OrderedDict()

    def begin(self, user: str, address: str) -> None:
        """Count a guess; raise `TooManyAttemptsError` if this user or this address has made too many of late."""
        network = _network(address)
        for key, max_failures in (((user, network), USER_FAILURES), (("", network), ADDRESS_FAILURES)):
            end, failures = self._window(key)
            if failures >= max_failures:
                raise TooManyAttemptsError(round(end - self._clock()) + 1)
        self._count(user, network, 1)

    def succeeded(self, user: str, address: str) -> None:
        """Take a guess back: it was none."""
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
