"""Times in the form of Kubernetes: RFC 3339, UTC, whole seconds.

Texts sort in the order of time.
"""

from datetime import UTC, datetime, timedelta

_FORM = "%Y-%m-%dT%H:%M:%SZ"
_DAY_LENGTH, _DAY_SECONDS = len("2026-12-15"), 86_400


def rfc3339(time: datetime) -> str:
    """Return the text of a time."""
    return time.astimezone(UTC).strftime(_FORM)


def is_time(text: str) -> bool:
    """Return whether a text has this form."""
    try:
        return rfc3339(_read(text)) == text
    except ValueError:
        return False


def later(time: str, seconds: int) -> str:
    """Return the time that is this many seconds later."""
    return rfc3339(_read(time) + timedelta(seconds=seconds))


def seconds_until(time: str, now: str) -> float:
    """Return the seconds until a time; negative if it has passed."""
    return (_read(time) - _read(now)).total_seconds()


def end_of(text: str) -> str:
    """Return the moment at which something ends that holds through a day (in UTC), or until a time."""
    return later(f"{text}T00:00:00Z", _DAY_SECONDS) if len(text) == _DAY_LENGTH else text


def timestamp(time: str) -> float:
    """Return a time in Prometheus's form: seconds since 1970."""
    return _read(time).timestamp()


def _read(text: str) -> datetime:
    return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
