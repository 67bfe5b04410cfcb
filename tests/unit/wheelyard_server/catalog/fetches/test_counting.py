"""Fetches become rows by hour, file and fetcher, and never more rows than there may be."""

import pytest

from support.fetch_logs import ANN, JENKINS, NOBODY, Clock
from wheelyard_server.catalog.fetches.counting import Counted, FetchCounter
from wheelyard_server.catalog.fetches.rows import OTHER, Row
from wheelyard_server.settings import RecordedAddresses

DEMO = ("demo", "demo-1.0.tar.gz", "d" * 64, "1.0")
OTHERS = [("other", f"other-{number}.tar.gz", f"{number:064}", str(number)) for number in range(100)]


def rows(counted: Counted) -> list[Row]:
    return [row for of_file in counted.rows.values() for row in of_file]


def fetches(counted: Counted) -> int:
    return sum(row.fetches for row in rows(counted)) + counted.dropped


def test_equal_fetches_of_an_hour_are_one_row_with_the_first_and_the_last_time() -> None:
    clock = Clock()
    counter = FetchCounter(clock)
    first = int(clock())
    for _ in range(3):
        counter.count(DEMO, JENKINS, "192.0.2.7", "pip")
        clock.forward(minutes=10)
    (row,) = rows(counter.take())
    assert (row.fetcher.login, row.fetches) == (JENKINS, 3)
    assert (row.first, row.last, row.hour) == (first, first + 1200, first)
    assert counter.take() == Counted()


@pytest.mark.parametrize(
    "other",
    [
        (OTHERS[0], ANN, "192.0.2.7", "pip"),
        (DEMO, JENKINS, "192.0.2.7", "pip"),
        (DEMO, ANN, "192.0.2.8", "pip"),
        (DEMO, ANN, "192.0.2.7", "uv"),
    ],
)
def test_another_file_login_address_or_client_is_another_row(
    other: tuple[tuple[str, str, str, str], object, str, str],
) -> None:
    counter = FetchCounter(Clock())
    counter.count(DEMO, ANN, "192.0.2.7", "pip")
    counter.count(*other)  # type: ignore[arg-type]
    assert len(rows(counter.take())) == 2


def test_twenty_ranges_of_one_client_in_an_hour_are_one_fetch_and_a_whole_file_makes_them_its_own() -> None:
    counter = FetchCounter(Clock())
    for _ in range(20):
        counter.count(DEMO, ANN, "192.0.2.7", "uv", is_part=True)
    (row,) = rows(counter.take())
    assert (row.fetches, row.whole, row.parts) == (1, 0, 20)
    counter.count(DEMO, ANN, "192.0.2.7", "uv", is_part=True)
    counter.count(DEMO, ANN, "192.0.2.7", "uv")
    (row,) = rows(counter.take())
    assert (row.fetches, row.whole, row.parts) == (1, 1, 1)


def test_each_hour_has_rows_of_its_own_also_if_they_wait() -> None:
    clock = Clock()
    counter = FetchCounter(clock)
    for _ in range(3):
        counter.count(DEMO, ANN, "192.0.2.7", "pip")
        clock.forward(hours=1)
    found = rows(counter.take())
    assert [row.fetches for row in found] == [1, 1, 1]
    assert len({row.hour for row in found}) == 3
    assert all(row.hour % 3600 == 0 and row.hour <= row.first <= row.last < row.hour + 3600 for row in found)


def test_beyond_the_bound_addresses_become_networks_then_fetchers_one_row_then_fetches_are_dropped() -> None:
    counter = FetchCounter(Clock(), max_rows=10)
    for number in range(40):
        counter.count(DEMO, ANN, f"10.{number}.0.7", "pip")
    for file in OTHERS:
        counter.count(file, NOBODY, "2001:db8:1:2::3", "pip")
    counted = counter.take()
    found = rows(counted)
    assert len(found) <= 20
    assert {"10.10.0.0/24", "10.14.0.0/24"} <= {row.address for row in found}
    assert {row.method for row in found} == {"token", OTHER}
    assert fetches(counted) == 140
    assert counted.dropped == counter.dropped > 0
    assert counter.total == 140


def test_a_known_fetcher_keeps_its_row_when_the_bound_is_reached_also_after_rows_were_taken() -> None:
    counter = FetchCounter(Clock(), max_rows=1)
    for _ in range(2):
        counter.count(DEMO, ANN, "192.0.2.7", "pip")
        assert [row.address for row in rows(counter.take())] == ["192.0.2.7"]
    counter.count(DEMO, ANN, "192.0.2.8", "pip")
    (row,) = rows(counter.take())
    assert (row.user, row.address) == (ANN.user, "192.0.2.0/24")


def test_the_next_hour_begins_with_all_its_space() -> None:
    clock = Clock()
    counter = FetchCounter(clock, max_rows=1)
    counter.count(DEMO, ANN, "192.0.2.7", "pip")
    clock.forward(hours=1)
    counter.count(DEMO, ANN, "192.0.2.8", "pip")
    assert [row.address for row in rows(counter.take())] == ["192.0.2.7", "192.0.2.8"]


def test_rows_that_wait_are_bounded_and_the_rest_is_counted() -> None:
    clock = Clock()
    counter = FetchCounter(clock, max_waiting_rows=25)
    for _ in range(5):
        for file in OTHERS[:10]:
            counter.count(file, ANN, "192.0.2.7", "pip")
        clock.forward(hours=1)
    counted = counter.take()
    assert counter.dropped == counted.dropped == 20
    assert fetches(counted) == 50


@pytest.mark.parametrize(
    ("addresses", "recorded"),
    [
        (RecordedAddresses.FULL, {"192.0.2.7", "192.0.2.8", "2001:db8:1:2::3", ""}),
        (RecordedAddresses.NETWORK, {"192.0.2.0/24", "2001:db8:1::/48", ""}),
        (RecordedAddresses.NONE, {""}),
    ],
)
def test_only_as_much_of_an_address_is_recorded_as_the_settings_say(
    addresses: RecordedAddresses, recorded: set[str]
) -> None:
    counter = FetchCounter(Clock(), addresses)
    for address in ("192.0.2.7", "192.0.2.8", "2001:db8:1:2::3", ""):
        counter.count(DEMO, ANN, address, "pip")
    counted = counter.take()
    assert {row.address for row in rows(counted)} == recorded
    assert fetches(counted) == 4
