"""Pages of long lists in the management API."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
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

    def of_files(self, files: Sequence[File | MirroredFile]) -> tuple[Sequence[File | MirroredFile], str | None]:
        """Return this part of files that are sorted by name, and the value of `next`; None at the end."""
        first = bisect_right(files, self.after, key=lambda file: file.filename)
        shown = files[first : first + self.limit]
        is_last = first + self.limit >= len(files)
        return shown, None if is_last else shown[-1].filename


def page_of(call: Call) -> Page:
    """Return the page that a call asks for; raise `InvalidRequestError`."""
    return Page(call.query.get("after", ""), call.number("limit", MAX_PAGE_ROWS, MAX_PAGE_ROWS))
