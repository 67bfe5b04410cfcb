"""The times in headers of answers, in seconds (RFC 9110, section 10.2.3, and RFC 9111, section 5.2.2)."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from wheelyard_server.clock import WallClock

DEFAULT_WAIT_SECONDS = 10.0
"""The pause after a 429 that does not say how long."""
_MAX_SECONDS = 10**9
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def retry_after(header: str, clock: WallClock) -> float:
    """Return the seconds that a `Retry-After` asks to wait, as a number or as a date."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:10]), _MAX_SECONDS))
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return DEFAULT_WAIT_SECONDS
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max((aware - clock()).total_seconds(), 0)


def max_age(cache_control: str) -> float | None:
    """Return the `max-age` of a `Cache-Control`; None if it has none.

    `no-store` and `no-cache` do not count: some indexes send them for browsers with every page.
    """
    found = _MAX_AGE.search(cache_control)
    return float(found[1]) if found else None
