"""The hosts that may be connected to."""

import pytest

from wheelyard_server.settings.upstreams import Egress
from wheelyard_server.upstream import pypi, urls
from wheelyard_server.upstream.addresses import AddressKind
from wheelyard_server.upstream.allowed_hosts import AllowedHosts, is_any_of
from wheelyard_server.upstream.urls import Origin

PYPI = urls.origin(urls.parse(pypi.simple_url()))
HOST = Origin("https", "packages.example.com", 443)


@pytest.mark.parametrize(
    ("entry", "origin", "is_listed"),
    [
        ("packages.example.com", HOST, True),
        ("Packages.Example.com", HOST, True),
        ("packages.example.com", HOST._replace(scheme="http", port=80), True),
        ("packages.example.com", HOST._replace(port=8443), False),
        ("packages.example.com:8443", HOST._replace(port=8443), True),
        ("packages.example.com:8443", HOST, False),
        ("packages.example.com:443", HOST, True),
        ("packages.example.com:80", HOST._replace(scheme="http", port=80), True),
        ("packages.example.com:443", HOST._replace(scheme="http", port=80), False),
        ("packages.example.com:80", HOST, False),
        ("example.com", HOST, False),
        ("packages.example.co", HOST, False),
        ("*.example.com", HOST, False),
        ("10.0.0.1:8080", Origin("http", "10.0.0.1", 8080), True),
        ("[fd00::1]:8080", Origin("http", "fd00::1", 8080), True),
        ("[fd00::1]", Origin("https", "fd00::1", 443), True),
    ],
)
def test_a_host_is_listed_by_its_exact_name_and_port(entry: str, origin: Origin, *, is_listed: bool) -> None:
    assert AllowedHosts(Egress(allowed_hosts=(entry,))).lists(origin) is is_listed
    assert is_any_of(origin, [entry]) is is_listed


def test_the_word_pypi_allows_its_pages_at_public_addresses_only() -> None:
    allowed = AllowedHosts(Egress())
    assert allowed.allows_pages(PYPI)
    assert not allowed.lists(PYPI)
    assert not allowed.allows_pages(PYPI._replace(scheme="http", port=80))
    assert allowed.refused_kind(PYPI, "8.8.8.8") is None
    assert allowed.refused_kind(PYPI, "10.0.0.1") is AddressKind.PRIVATE


def test_on_a_laptop_a_public_index_may_have_a_private_address_but_not_that_of_the_clouds_services() -> None:
    laptop = AllowedHosts(Egress(private_addresses=True))
    assert laptop.refused_kind(PYPI, "10.0.0.1") is None
    assert laptop.refused_kind(PYPI, "169.254.169.254") is AddressKind.LINK_LOCAL


def test_the_word_pypi_is_not_a_host_of_that_name() -> None:
    service = Origin("https", "pypi", 443)
    for origin in (service, service._replace(scheme="http", port=80)):
        assert not AllowedHosts(Egress()).lists(origin)
        assert not AllowedHosts(Egress()).allows_pages(origin)
    assert AllowedHosts(Egress(allowed_hosts=("pypi:443",))).lists(service)


def test_nothing_is_allowed_by_an_empty_list() -> None:
    allowed = AllowedHosts(Egress(allowed_hosts=()))
    assert not allowed.allows_pages(PYPI)
    assert not allowed.has_pypi


def test_a_listed_host_may_have_private_addresses_but_not_those_of_the_cloud() -> None:
    allowed = AllowedHosts(Egress(allowed_hosts=("packages.example.com",), denied_networks=("8.8.0.0/16",)))
    for address in ("10.0.0.1", "127.0.0.1", "::1", "fd00::1", "8.8.8.8", "::ffff:10.0.0.1"):
        assert allowed.refused_kind(HOST, address) is None
    for address in ("169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254"):
        assert allowed.refused_kind(HOST, address) is AddressKind.LINK_LOCAL
    for address in ("0.0.0.0", "224.0.0.1", "127.1"):  # noqa: S104 - not bound, but refused
        assert allowed.refused_kind(HOST, address) is AddressKind.UNUSABLE


def test_a_link_local_address_must_itself_be_listed() -> None:
    allowed = AllowedHosts(Egress(allowed_hosts=("packages.example.com", "169.254.7.7")))
    assert allowed.refused_kind(HOST, "169.254.7.7") is None
    assert allowed.refused_kind(HOST, "169.254.169.254") is AddressKind.LINK_LOCAL
    assert allowed.refused_kind(HOST._replace(port=8443), "169.254.7.7") is AddressKind.LINK_LOCAL


def test_a_network_of_the_cluster_is_refused_to_hosts_that_are_not_listed() -> None:
    allowed = AllowedHosts(Egress(denied_networks=("8.8.0.0/16",)))
    assert allowed.refused_kind(PYPI, "8.8.8.8") is AddressKind.PRIVATE
