"""Moments, which are always aware: a naive one of a foreign document counts as UTC (T32)."""

from datetime import UTC, datetime, timedelta

BEGINNING_OF_TIME = datetime.min.replace(tzinfo=UTC)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def aware(moment: datetime) -> datetime:
    """Return the moment with a time zone."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC; raise `OverflowError` if it is out of range there."""
    return aware(moment).astimezone(UTC)


def later(moment: datetime, seconds: int) -> datetime:
    """Return the moment after these seconds, at most the end of time."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return END_OF_TIME


def shown(moment: datetime) -> str:
    """Return a moment for people, such as `2026-12-06 10:00 UTC`, rounded up to the minute."""
    return shown_past(later(moment, 59))


def shown_past(moment: datetime) -> str:
    """Do as `shown`, rounded down: a moment that is over must not seem to be ahead."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        utc = END_OF_TIME
    return f"{utc.year:04}-{utc.month:02}-{utc.day:02} {utc.hour:02}:{utc.minute:02} UTC"


def earlier(moment: datetime, seconds: int) -> datetime:
    """Return the moment before these seconds, at least the beginning of time."""
    try:
        return moment - timedelta(seconds=seconds)
    except OverflowError:
        return BEGINNING_OF_TIME
