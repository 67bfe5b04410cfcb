"""Whether a host may be asked, on a clock of the tests."""

import pytest

from wheelyard_server.upstream.breaker import FAILURES, MAX_WAIT_SECONDS, PROBE_SECONDS, Breaker, Pause


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def is_open(breaker: Breaker) -> bool:
    try:
        breaker.enter()
    except Pause:
        return False
    return True


def test_a_host_without_an_answer_is_not_asked_until_a_probe(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.enter()
    breaker.failed("does not answer", is_down=True)
    with pytest.raises(Pause, match="does not answer") as raised:
        breaker.enter()
    assert raised.value.seconds == PROBE_SECONDS
    clock.now += PROBE_SECONDS
    assert is_open(breaker)
    assert not is_open(breaker)


def test_a_probe_that_never_ends_is_followed_by_another(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.failed("does not answer", is_down=True)
    clock.now += PROBE_SECONDS
    assert [is_open(breaker), is_open(breaker)] == [True, False]
    clock.now += PROBE_SECONDS
    assert [is_open(breaker), is_open(breaker)] == [True, False]


def test_a_probe_that_succeeds_lets_all_requests_through(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.failed("does not answer", is_down=True)
    clock.now += PROBE_SECONDS
    breaker.enter()
    breaker.succeeded()
    assert all(is_open(breaker) for _ in range(3))
    assert not breaker.reason


def test_one_page_that_fails_pauses_nothing(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.failed("answers 500", is_down=False)
        assert is_open(breaker)
    breaker.succeeded()
    breaker.failed("answers 500", is_down=False)
    assert is_open(breaker)


def test_failures_in_a_row_are_an_outage(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed("answers 500", is_down=False)
    assert not is_open(breaker)


def test_a_pause_that_the_host_asked_for_ends_by_time_only(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.wait("answers 429", 120)
    breaker.succeeded()
    clock.now += 119
    with pytest.raises(Pause) as raised:
        breaker.enter()
    assert raised.value.seconds == 1
    clock.now += 1
    assert [is_open(breaker), is_open(breaker)] == [True, False]
    breaker.succeeded()
    assert is_open(breaker)


def test_a_pause_is_bounded(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.wait("answers 429", 10**9)
    clock.now += MAX_WAIT_SECONDS
    assert is_open(breaker)


def test_a_check_is_not_a_probe(clock: Clock) -> None:
    breaker = Breaker(clock)
    breaker.check()
    breaker.failed("does not answer", is_down=True)
    with pytest.raises(Pause):
        breaker.check()
    clock.now += PROBE_SECONDS
    breaker.check()
    assert is_open(breaker)
