"""Kinds of IP addresses, which decide whether a host may be connected to.

https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry.
"""

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class AddressKind(StrEnum):
    """What an address is, in the words of an error message."""

    PUBLIC = "public"
    PRIVATE = "private"
    """Reached only from inside: loopback, private and unique-local networks, carrier-grade NAT, and
    the networks that the operator names."""
    LINK_LOCAL = "link-local"
    """The cloud's own services for this machine, its credentials among them."""
    UNUSABLE = "unusable"
    """Not the address of one server: multicast, unspecified, reserved."""


_TRANSLATED = ip_network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last 32 bits are an IPv4 address."""
_TUNNELS = (ip_network("2002::/16"), ip_network("2001::/32"), ip_network("::/96"))
"""6to4, Teredo and IPv4-compatible addresses contain an IPv4 address. All are obsolete."""
_LOCAL = tuple(map(ip_network, ("64:ff9b:1::/48", "3fff::/20", "5f00::/16")))
"""Networks of the registry that some versions of Python count as global."""
_METADATA = tuple(
    map(
        ip_network,
        (
            "100.100.100.200/32",  # Alibaba Cloud
            "168.63.129.16/32",  # Azure
            "192.0.0.192/32",  # Oracle Cloud
            "fd00:ec2::/32",  # AWS
            "fd20:ce::254/128",  # Google Cloud
            "fd00:42::42/128",  # Scaleway
        ),
    )
)
"""Services like those at 169.254.169.254, which clouds have at addresses that are not link-local."""


def kind_of(text: str, denied: Sequence[Network] = ()) -> AddressKind:
    """Return the kind of an address; the networks in `denied` count as private.

    Any other spelling than that of `ipaddress` is unusable, such as 127.1 or 0x7f000001.
    """
    try:
        address = _embedded(ip_address(text))
    except ValueError:
        return AddressKind.UNUSABLE
    if address.is_link_local or _is_in(address, _METADATA):
        return AddressKind.LINK_LOCAL
    if address.is_loopback:
        return AddressKind.PRIVATE
    if address.is_multicast or address.is_unspecified or _is_in(address, _TUNNELS) or _is_site_local(address):
        return AddressKind.UNUSABLE
    is_private = not address.is_global or _is_in(address, _LOCAL) or _is_in(address, denied)
    return AddressKind.PRIVATE if is_private else AddressKind.PUBLIC


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that packets to this one reach, or else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _TRANSLATED else address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _is_site_local(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address.is_site_local
