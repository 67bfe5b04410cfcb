"""What deadlines measure, with the clock in the test's hand; `test_connection_server.py` has what follows."""

import pytest

from wheelyard_server.settings import Limits
from wheelyard_server.web.front.deadlines import BodyRate, HeaderDeadline, IdleTime

LIMITS = Limits(header_seconds=10, header_bytes=100, body_seconds=30, body_bytes_per_second=10)


def test_headers_have_a_deadline_from_their_beginning_to_their_end() -> None:
    headers = HeaderDeadline(LIMITS)
    assert not headers.is_over(1000), "none are expected"
    headers.begin(5)
    headers.begin(14)
    assert not headers.is_over(15)
    assert headers.is_over(15.1), "more bytes of the same headers are no new beginning"
    headers.end()
    assert not headers.is_over(1000)


def test_headers_have_a_size_limit_together() -> None:
    headers, found = HeaderDeadline(LIMITS), []
    for size in (60, 40, 1):
        headers.receive(size)
        found.append(headers.is_too_large)
    headers.end()
    assert [*found, headers.is_too_large] == [False, False, True, False]


@pytest.mark.parametrize(("size", "is_too_slow"), [(299, True), (300, False)])
def test_a_body_must_come_fast_enough_in_each_window(size: int, *, is_too_slow: bool) -> None:
    body = BodyRate(LIMITS)
    body.begin_window(100)
    body.receive(size)
    assert not body.is_too_slow(129.9)
    assert body.is_too_slow(130) is is_too_slow
    assert not body.is_too_slow(159.9), "the next window has begun"
    assert body.is_too_slow(160), "nothing came in it"


def test_a_connection_is_idle_since_it_was_last_used() -> None:
    idle = IdleTime()
    idle.begin(10)
    assert idle.seconds(15, is_idle=True) == 5
    assert idle.seconds(20, is_idle=False) == 0
    assert idle.seconds(25, is_idle=True) == 5
    idle.use()
    assert idle.seconds(30, is_idle=True) == 0
    assert idle.seconds(32, is_idle=True) == 2
