"""Reads an upstream's page of a project, in the form that it has."""

from wheelyard_server.sliced import at_once, in_slices
from wheelyard_server.upstream import Page
from wheelyard_server.upstream.pages import html_form, json_form
from wheelyard_server.upstream.pages.bounds import MAX_PAGE_BYTES, UnreadablePageError
from wheelyard_server.upstream.pages.byte_gate import LanedGate

MAX_INLINE_BYTES = 16 * 1024
"""A page of this size takes about a millisecond."""
MAX_SMALL_BYTES = 4 * 1024**2
"""A page up to this size is small. PyPI's largest pages are smaller."""
SMALL_LANE_BYTES = 16 * 1024**2
"""How much of small pages is read at a time, next to `MAX_PAGE_BYTES` of large ones. A large page may
take seconds."""
_GATE = LanedGate(MAX_SMALL_BYTES, SMALL_LANE_BYTES, MAX_PAGE_BYTES)
_BOM = b"\xef\xbb\xbf"


async def read_page(body: bytes, content_type: str, url: str) -> Page:
    """Return the page of a project without `etag` and `max_age`, which are of HTTP.

    `content_type` is the header's value, "" if it is missing; `url` is the final one, after all
    redirects. Raises `UnreadablePageError`, also for any other answer: that is never a page
    without files.
    """
    if len(body) > MAX_PAGE_BYTES:
        raise UnreadablePageError(f"answered with a page of more than {MAX_PAGE_BYTES // 1024**2} MiB")
    body = body.removeprefix(_BOM)
    work = html_form.read(body, url) if _is_html(body, content_type) else json_form.read(body, url)
    if len(body) <= MAX_INLINE_BYTES:
        return at_once(work)
    async with _GATE.room(len(body)):
        return await in_slices(work)


def _is_html(body: bytes, content_type: str) -> bool:
    """Return whether it is HTML, not JSON.

    The first character decides: proxies rewrite types (T21), and a page of either form begins in
    one way. For an error page in HTML see `html_form`.
    """
    match body[:1024].lstrip()[:1]:
        case b"{":
            return False
        case b"<":
            return True
    kind = content_type.partition(";")[0].strip()[:100] or "no type"
    raise UnreadablePageError(f"answered with {kind}, which is neither the JSON nor the HTML form of a page")
