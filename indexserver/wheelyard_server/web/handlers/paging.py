"""Pages of long lists in the management API."""

from typing import NamedTuple

from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.web.handlers.operations import Call

MAX_PAGE_ROWS = 1000
"""The most rows of a list in one answer."""
PAGING = {
    "after": "the value of `next` in the page before",
    "limit": f"the maximum number of rows: from 1 to {MAX_PAGE_ROWS}, which is also the default",
}
"""The query parameters of a page."""


class Page(NamedTuple):
    """The part of a list that a request asks for."""

    after: str = ""
    limit: int = MAX_PAGE_ROWS


def page_of(call: Call) -> Page:
    """Return the page that a call asks for; raise `InvalidRequestError`."""
    after, limit = call.query.get("after", ""), call.query.get("limit", str(MAX_PAGE_ROWS))
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= 4 and 0 < int(limit) <= MAX_PAGE_ROWS):
        raise InvalidRequestError(f"`limit` must be a number from 1 to {MAX_PAGE_ROWS}")
    return Page(after, int(limit))
