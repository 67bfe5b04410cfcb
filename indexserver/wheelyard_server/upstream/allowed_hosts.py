"""The hosts that may be connected to: those that the operator lists, PyPI and OSV (ADR 37)."""

from collections.abc import Iterable
from ipaddress import ip_network

from wheelyard_server.settings.upstreams import OSV, PYPI, Egress
from wheelyard_server.upstream import osv, pypi, urls
from wheelyard_server.upstream.addresses import AddressKind, kind_of
from wheelyard_server.upstream.urls import Origin


class AllowedHosts:
    """The limits of `egress`, as questions."""

    def __init__(self, egress: Egress) -> None:
        # Hosts of these names are listed with their port: otherwise a Service `pypi` would be
        # trusted.
        self._listed = _lower(egress.allowed_hosts) - {PYPI, OSV}
        self._private_addresses = egress.private_addresses
        self._denied = tuple(ip_network(each) for each in egress.denied_networks)
        self.has_pypi = PYPI in egress.allowed_hosts
        """Whether upstreams may be PyPI, whose pages name the hosts of its files."""
        self._has_osv = OSV in egress.allowed_hosts

    def lists(self, origin: Origin) -> bool:
        """Return whether a host is listed: it may then have a private address, and speak plain HTTP."""
        return not self._listed.isdisjoint(origin.names)

    def allows_pages(self, origin: Origin) -> bool:
        """Return whether an upstream's pages may come from here."""
        return self.lists(origin) or (self.has_pypi and origin == urls.origin(urls.parse(pypi.simple_url())))

    def allows_feed(self, origin: Origin) -> bool:
        """Return whether advisories may come from here."""
        return self.lists(origin) or (self._has_osv and origin == urls.origin(urls.parse(osv.EXPORT_URL)))

    def refused_kind(self, origin: Origin, address: str) -> AddressKind | None:
        """Return the kind of an address that this host must not be connected to; None if it may be."""
        kind = kind_of(address, self._denied)
        may_be_private = self._private_addresses or self.lists(origin)
        if kind is AddressKind.PUBLIC or (kind is AddressKind.PRIVATE and may_be_private):
            return None
        if kind is AddressKind.LINK_LOCAL and self.lists(origin._replace(host=address)):
            return None
        return kind


def is_any_of(origin: Origin, hosts: Iterable[str]) -> bool:
    """Return whether this list, of `host` or `host:port`, has a host."""
    return not _lower(hosts).isdisjoint(origin.names)


def _lower(hosts: Iterable[str]) -> set[str]:
    return {host.lower() for host in hosts}
