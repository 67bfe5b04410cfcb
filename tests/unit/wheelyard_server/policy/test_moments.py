from datetime import UTC, datetime, timedelta, timezone

from wheelyard_server.policy.moments import END_OF_TIME, in_utc, shown, shown_past


def test_an_end_is_rounded_up_and_a_moment_that_is_over_down() -> None:
    moment = datetime(2026, 11, 30, 20, 43, 41, tzinfo=UTC)
    assert (shown(moment), shown_past(moment)) == ("2026-11-30 20:44 UTC", "2026-11-30 20:43 UTC")
    assert shown(END_OF_TIME) == shown_past(END_OF_TIME) == "9999-12-31 23:59 UTC"


def test_a_moment_without_an_offset_is_one_in_utc_and_all_others_are_converted() -> None:
    moment = datetime(2026, 11, 30, 20, 43, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
    assert in_utc(moment.replace(tzinfo=None)) == in_utc(elsewhere) == moment
    assert in_utc(elsewhere).tzinfo is UTC
