"""The values of the fetch log: files, their fetchers, and counts of one hour."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

import msgspec

SECONDS_PER_HOUR = 3600
_IPV4_PREFIX, _IPV6_PREFIX = 24, 48
"""Bits of the networks that stand for addresses: about an office, or a customer of a provider."""


class FetchedFile(NamedTuple):
    """A file that was fetched. Tuples compare by project, then by filename."""

    project: str
    filename: str
    sha256: str
    """"" if the upstream lists none and the file was not pinned yet."""
    version: str
    """"" if the file has none."""


class Login(NamedTuple):
    """The login of a fetcher."""

    user: str
    """"" is anonymous."""
    method: str
    """How the user logged in: a value of `access.rules.Method`."""
    workload: str = ""
    """The subject of the signed token, such as system:serviceaccount:ci:jenkins-agent; "" without one."""


class Fetcher(NamedTuple):
    """The sender of fetches, as far as one hour of the log distinguishes them."""

    login: Login
    address: str
    """The client's address or its network; "" if it is not recorded."""
    client: str
    """The family of the client, such as pip."""


OTHER = "other"
"""The method of rows that stand for all fetchers beyond the bounds."""


class Row(msgspec.Struct, array_like=True):
    """The fetches of one file by one fetcher within an hour. Times are in seconds since 1970."""

    user: str
    method: str
    workload: str
    address: str
    client: str
    hour: int
    """The beginning of the hour."""
    whole: int
    """Number of answers with the whole file, and of redirects to it."""
    parts: int
    """Number of answers with a part of the file."""
    first: int
    last: int

    @property
    def fetches(self) -> int:
        """Return how often the file was fetched: all parts of an hour together count once."""
        return self.whole or min(self.parts, 1)

    @property
    def fetcher(self) -> Fetcher:
        """Return the sender."""
        return Fetcher(Login(self.user, self.method, self.workload), self.address, self.client)

    def add(self, other: "Row") -> None:
        """Add the counts of the same fetcher and hour."""
        self.whole += other.whole
        self.parts += other.parts
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)


class FileRows(msgspec.Struct, array_like=True):
    """All rows of one file in one object."""

    project: str
    filename: str
    sha256: str
    version: str
    rows: list[Row]

    @property
    def file(self) -> FetchedFile:
        """Return the file."""
        return FetchedFile(self.project, self.filename, self.sha256, self.version)


def combined(rows: Iterable[Row]) -> list[Row]:
    """Return one row for each fetcher and hour, in the order of their first occurrence."""
    found: dict[tuple[Fetcher, int], Row] = {}
    for row in rows:
        key = row.fetcher, row.hour
        known = found.get(key)
        if known is None:
            found[key] = row
        else:
            known.add(row)
    return list(found.values())


def with_networks(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows with networks in place of addresses."""
    for row in rows:
        yield msgspec.structs.replace(row, address=network_of(row.address))


def without_fetchers(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows without anything about their fetchers."""
    for row in rows:
        yield msgspec.structs.replace(row, user="", method=OTHER, workload="", address="", client="")


@lru_cache(4096)
def network_of(address: str) -> str:
    """Return the network of an address; what is no address stays as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    prefix = _IPV6_PREFIX if isinstance(parsed, IPv6Address) else _IPV4_PREFIX
    return str(ip_network((parsed, prefix), strict=False))


def hour_of(seconds: float) -> int:
    """Return the beginning of the hour, in seconds since 1970."""
    return int(seconds) // SECONDS_PER_HOUR * SECONDS_PER_HOUR


def day_of(seconds: float) -> date:
    """Return the day in UTC."""
    return datetime.fromtimestamp(seconds, UTC).date()
