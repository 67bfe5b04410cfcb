import pytest

from wheelyard_server.web.front.connection_limits import Census, neighbourhood


def test_no_more_than_so_many_come_in_and_each_that_leaves_makes_room() -> None:
    census = Census(maximum=3, max_of_one=2)
    leave = census.enter("a")
    assert leave is not None
    assert census.enter("a") is not None
    assert census.enter("a") is None
    assert census.enter("b") is not None
    assert census.enter("b") is None
    leave()
    assert census.enter("b") is not None
    assert census.enter("a") is None


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_machine_has_one_ipv4_address_or_a_network_of_ipv6(address: str, place: str) -> None:
    assert neighbourhood((address, 1234)) == place
