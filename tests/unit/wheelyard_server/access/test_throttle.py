import pytest

from wheelyard_server.access.throttle import ADDRESS_FAILURES, USER_FAILURES, WINDOW_SECONDS, Throttle
from wheelyard_server.errors import TooManyAttemptsError


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def fail(throttle: Throttle, user: str, address: str, times: int) -> None:
    for _ in range(times):
        throttle.begin(user, address)


def test_one_user_from_one_address(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, "jenkins", "192.0.2.1", USER_FAILURES)
    clock.seconds = 100
    with pytest.raises(TooManyAttemptsError) as refused:
        throttle.begin("jenkins", "192.0.2.1")
    assert refused.value.seconds == WINDOW_SECONDS - 100 + 1
    throttle.begin("jenkins", "192.0.2.2")
    throttle.begin("other", "192.0.2.1")


def test_it_is_forgotten(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, "jenkins", "192.0.2.1", USER_FAILURES)
    clock.seconds = WINDOW_SECONDS
    fail(throttle, "jenkins", "192.0.2.1", USER_FAILURES)


def test_one_address_with_many_names(throttle: Throttle) -> None:
    for number in range(ADDRESS_FAILURES):
        fail(throttle, f"user{number}", "192.0.2.1", 1)
    with pytest.raises(TooManyAttemptsError):
        throttle.begin("another", "192.0.2.1")
    throttle.begin("another", "192.0.2.2")


def test_the_addresses_of_one_ipv6_customer_are_one(throttle: Throttle) -> None:
    for number in range(USER_FAILURES):
        fail(throttle, "jenkins", f"2001:db8::{number:x}", 1)
    with pytest.raises(TooManyAttemptsError):
        throttle.begin("jenkins", "2001:db8::ffff")
    throttle.begin("jenkins", "2001:db8:0:1::1")


def test_remembered_addresses_are_bounded(throttle: Throttle) -> None:
    for number in range(20_000):
        throttle.begin(f"user{number}", f"10.0.{number // 256 % 256}.{number % 256}")
    assert len(throttle._windows) == 10_000


def test_a_success_does_not_count_as_a_guess(throttle: Throttle) -> None:
    for _ in range(5 * ADDRESS_FAILURES):
        throttle.begin("jenkins", "192.0.2.1")
        throttle.succeeded("jenkins", "192.0.2.1")
    fail(throttle, "jenkins", "192.0.2.1", USER_FAILURES)


def test_a_late_refund_allows_no_extra_guesses(throttle: Throttle, clock: Clock) -> None:
    throttle.begin("jenkins", "192.0.2.1")
    clock.seconds = WINDOW_SECONDS
    throttle.succeeded("jenkins", "192.0.2.1")
    fail(throttle, "jenkins", "192.0.2.1", USER_FAILURES)
    with pytest.raises(TooManyAttemptsError):
        throttle.begin("jenkins", "192.0.2.1")
