"""The list of changes."""

from datetime import UTC, datetime

import pytest

from support import osv
from wheelyard_server.errors import FeedError
from wheelyard_server.feed import listings
from wheelyard_server.feed.listings import read_listing
from wheelyard_server.sliced import at_once


def test_a_listing_has_the_time_of_each_record() -> None:
    records = list(osv.odd_records())
    assert at_once(read_listing(osv.listing(records))) == {each["id"]: osv.START for each in records}


def test_times_are_in_utc_with_any_offset_and_precision() -> None:
    body = b"2026-11-30T01:02:03.123456Z,A-1\r\n2026-11-30T03:00:00+02:00,A-2\n2026-11-30T01:00:00,A-3\n"
    found = at_once(read_listing(body))
    one = datetime(2026, 11, 30, 1, tzinfo=UTC)
    assert found == {"A-1": one.replace(minute=2, second=3, microsecond=123456), "A-2": one, "A-3": one}


def test_lines_that_cannot_be_read_are_skipped() -> None:
    body = (
        b"2026-11-30T01:00:00Z,A-1\n\nmodified,id\n2026-99-99T01:00:00Z,A-2\n2026-11-30T01:00:00Z,../A-3\n\xff,A-4"
    )
    assert set(at_once(read_listing(body))) == {"A-1"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"A-1,2026-11-30T01:00:00Z\n"])
def test_what_lists_nothing_is_no_listing(body: bytes) -> None:
    with pytest.raises(FeedError, match="list of changes"):
        at_once(read_listing(body))


def test_a_listing_of_more_records_than_any_feed_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "MAX_RECORDS", 10)
    with pytest.raises(FeedError, match="too many"):
        at_once(read_listing(osv.listing(osv.odd_records())))
