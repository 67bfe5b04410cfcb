"""Who is connected: how many, and how many of them from one place."""

from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

_IPV6_PREFIX = 64
"""Bits: a single machine has all addresses of such a network to choose from."""


class Census:
    """Counts connections in all and by neighbourhood."""

    def __init__(self, maximum: int, max_of_one: int) -> None:
        self._most = maximum
        self._most_of_one = max_of_one
        self._here: Counter[str] = Counter()
        self._count = 0

    def enter(self, place: str) -> Callable[[], None] | None:
        """Count a connection and return what ends it; None where there are enough. "" is no place of anybody's."""
        if self._count >= self._most or (place and self._here[place] >= self._most_of_one):
            return None
        self._here[place] += 1
        self._count += 1
        return lambda: self._leave(place)

    def _leave(self, place: str) -> None:
        self._count -= 1
        self._here[place] -= 1
        if not self._here[place]:
            del self._here[place]


def neighbourhood(peername: tuple[Any, ...]) -> str:
    """Return the address of a socket's peer, or its /64 network for IPv6."""
    address = ip_address(str(peername[0]).partition("%")[0])
    if not isinstance(address, IPv6Address):
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or ip_network((address, _IPV6_PREFIX), strict=False))
