"""Times in headers of answers."""

from datetime import UTC, datetime

import pytest

from wheelyard_server.upstream.http_times import DEFAULT_WAIT_SECONDS, max_age, retry_after


def now() -> datetime:
    return datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 120 ", 120),
        ("0", 0),
        ("9" * 50, 10**9),
        ("Mon, 30 Nov 2026 12:01:30 GMT", 90),
        ("Mon, 30 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 30 Nov 2026 12:00:05", 5),
        ("", DEFAULT_WAIT_SECONDS),
        ("soon", DEFAULT_WAIT_SECONDS),
        ("-5", DEFAULT_WAIT_SECONDS),
        ("\u0663", DEFAULT_WAIT_SECONDS),
        ("Mon, 99 Nov 2026 12:01:30 GMT", DEFAULT_WAIT_SECONDS),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float) -> None:
    assert retry_after(header, now) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("max-age=600, public", 600),
        ("public,MAX-AGE=5", 5),
        ('max-age="60"', 60),
        ("s-maxage=9", None),
        ("no-cache, no-store", None),
        ("", None),
        ("max-age=", None),
    ],
)
def test_max_age(header: str, seconds: float | None) -> None:
    assert max_age(header) == seconds
