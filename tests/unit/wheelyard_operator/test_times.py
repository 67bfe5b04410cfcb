from datetime import datetime, timedelta, timezone

import pytest

from wheelyard_operator.times import is_time, later, rfc3339, seconds_until


def test_times_are_written_in_utc() -> None:
    assert rfc3339(datetime(2026, 1, 2, 3, 4, 5, 999, timezone(timedelta(hours=1)))) == "2026-01-02T02:04:05Z"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("2026-01-02T02:04:05Z", True),
        ("", False),
        ("2026-01-02", False),
        ("2026-02-30T00:00:00Z", False),
        ("2026-1-2T2:4:5Z", False),
        ("2026-01-02T02:04:05.5Z", False),
    ],
)
def test_only_rfc_3339_in_utc_is_a_time(text: str, *, fits: bool) -> None:
    assert is_time(text) is fits


def test_times_are_added_and_subtracted() -> None:
    assert later("2026-12-31T23:59:59Z", 2) == "2027-01-01T00:00:01Z"
    assert seconds_until("2027-01-01T00:00:01Z", "2026-12-31T23:59:59Z") == 2
