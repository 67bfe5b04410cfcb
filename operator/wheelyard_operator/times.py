"""Times as Kubernetes writes them: RFC 3339, UTC, whole seconds. As texts they compare as they do as times."""

from datetime import UTC, datetime, timedelta

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def written(time: datetime) -> str:
    """Return the text of a time."""
    return time.astimezone(UTC).strftime(_FORM)


def is_time(text: str) -> bool:
    """Return whether this is such a text."""
    try:
        return written(_read(text)) == text
    except ValueError:
        return False


def later(time: str, seconds: int) -> str:
    """Return the time that is so much later."""
    return written(_read(time) + timedelta(seconds=seconds))


def seconds_until(time: str, now: str) -> float:
    """Return how long that is from now; negative where it has passed."""
    return (_read(time) - _read(now)).total_seconds()


def timestamp(time: str) -> float:
    """Return a time as Prometheus has it: seconds since 1970."""
    return _read(time).timestamp()


def _read(text: str) -> datetime:
    return datetime.strptime(text, _FORM).replace(tzinfo=UTC)
