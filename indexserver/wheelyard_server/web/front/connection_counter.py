"""Counts connections, and refuses too many: in all, and from one address."""

from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

_IPV6_PREFIX = 64
"""Bits: a single machine can use any address of such a network."""


class ConnectionCounter:
    """Counts connections, in all and by address group."""

    def __init__(self, max_connections: int, max_per_group: int) -> None:
        self._max = max_connections
        self._max_per_group = max_per_group
        self._by_group: Counter[str] = Counter()
        self._count = 0

    def enter(self, group: str) -> Callable[[], None] | None:
        """Count a connection and return a function that ends it; None if there are too many.

        The group "" has no limit of its own.
        """
        if self._count >= self._max or (group and self._by_group[group] >= self._max_per_group):
            return None
        self._by_group[group] += 1
        self._count += 1
        return lambda: self._leave(group)

    def _leave(self, group: str) -> None:
        self._count -= 1
        self._by_group[group] -= 1
        if not self._by_group[group]:
            del self._by_group[group]


def address_group(peername: tuple[Any, ...]) -> str:
    """Return the address of a socket's peer, or its /64 network for IPv6."""
    address = ip_address(str(peername[0]).partition("%")[0])
    if not isinstance(address, IPv6Address):
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or ip_network((address, _IPV6_PREFIX), strict=False))
