import pytest

from wheelyard_server.web.front.connection_counter import ConnectionCounter, address_group


def test_the_number_of_connections_is_limited_and_each_that_closes_makes_room() -> None:
    counter = ConnectionCounter(max_connections=3, max_per_group=2)
    leave = counter.enter("a")
    assert leave is not None
    assert counter.enter("a") is not None
    assert counter.enter("a") is None
    assert counter.enter("b") is not None
    assert counter.enter("b") is None
    leave()
    assert counter.enter("b") is not None
    assert counter.enter("a") is None


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_machine_has_one_ipv4_address_or_a_network_of_ipv6(address: str, group: str) -> None:
    assert address_group((address, 1234)) == group
