"""The kinds of addresses, in every form in which one of them can be spelled (SSRF)."""

from ipaddress import ip_network

import pytest

from wheelyard_server.upstream.addresses import AddressKind, kind_of

PUBLIC = ["8.8.8.8", "151.101.0.223", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",  # carrier-grade NAT
    "100.127.255.255",
    "0.1.2.3",
    "192.0.2.1",  # documentation
    "198.18.0.1",  # benchmarks
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:100.64.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "3fff::1",
    "5f00::1",
    "64:ff9b:1::a00:1",  # NAT64 for local use (RFC 8215)
]
LINK_LOCAL = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:42::42",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "::ffff:168.63.129.16",
]
UNUSABLE = [
    "0.0.0.0",  # noqa: S104 - not bound, but refused
    "::",
    "224.0.0.1",
    "239.1.2.3",
    "ff02::1",
    "ff0e::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:808:808::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "::127.0.0.1",
    "::8.8.8.8",
    "fec0::1",
    "::ffff:0.0.0.0",
    "::ffff:224.0.0.1",
    "64:ff9b::",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "localhost",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert kind_of(address) is AddressKind.PUBLIC


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses(address: str) -> None:
    assert kind_of(address) is AddressKind.PRIVATE


@pytest.mark.parametrize("address", LINK_LOCAL)
def test_the_addresses_of_the_cloud_s_own_services(address: str) -> None:
    assert kind_of(address) is AddressKind.LINK_LOCAL


@pytest.mark.parametrize("address", UNUSABLE)
def test_addresses_that_are_not_of_one_server_and_odd_spellings(address: str) -> None:
    assert kind_of(address) is AddressKind.UNUSABLE


def test_the_networks_of_the_cluster_are_private_also_inside_of_other_forms() -> None:
    cluster = [ip_network("8.8.0.0/16"), ip_network("2606:4700::/32")]
    for address in ("8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111"):
        assert kind_of(address, cluster) is AddressKind.PRIVATE
    assert kind_of("151.101.0.223", cluster) is AddressKind.PUBLIC
