"""Reads the list of changes: a line of time and id for each record, the last change first."""

import re
from datetime import datetime

from wheelyard_server.errors import FeedError
from wheelyard_server.feed.exports import MAX_RECORDS
from wheelyard_server.policy.moments import in_utc
from wheelyard_server.sliced import Slices

MAX_LISTING_BYTES = 32 * 1024**2
_LINE = re.compile(r"([0-9T:.+Z-]{10,40}),([A-Za-z0-9][A-Za-z0-9._:+-]{0,99})")
_LINES_AT_ONCE = 500


def read_listing(body: bytes) -> Slices[dict[str, datetime]]:
    """Return when each record was last changed, in UTC, by id; raise `FeedError`.

    Lines that cannot be read are skipped, since a record that is not listed is no record that is
    gone.
    """
    found: dict[str, datetime] = {}
    for number, line in enumerate(body.decode("utf-8", "replace").splitlines()):
        if number % _LINES_AT_ONCE == 0:
            yield
        match = _LINE.fullmatch(line.strip())
        modified = _moment(match[1]) if match else None
        if match and modified:
            found[match[2]] = max(modified, found.get(match[2], modified))
    if not found or len(found) > MAX_RECORDS:
        raise FeedError("has a list of changes that cannot be one: it has no line of time and id, or too many")
    return found


def _moment(text: str) -> datetime | None:
    try:
        return in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
