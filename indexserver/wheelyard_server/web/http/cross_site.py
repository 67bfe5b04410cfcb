"""CSRF: requests that a browser makes for a page of another site change nothing here.

Browsers say where a request comes from: https://www.w3.org/TR/fetch-metadata/, and RFC 6454 for old
ones. No other client sends these headers, and no page of ours makes such requests.
"""

from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from wheelyard_server.errors import ForbiddenError

_SITE = "Sec-Fetch-Site"
_OWN = {"same-origin", "none"}
"""The request comes from a page of this index, or the user typed its URL."""
_SAFE = {hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS}


@web.middleware
async def refuse_cross_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request that may change something if it comes from a page of another site."""
    if request.method not in _SAFE and _is_from_elsewhere(request):
        raise ForbiddenError(
            "This request comes from a page of another site, according to the browser, and is refused"
        )
    return await handler(request)


def _is_from_elsewhere(request: web.Request) -> bool:
    sites = request.headers.getall(_SITE, [])
    if sites:
        return not all(each.strip().lower() in _OWN for each in sites)
    return any(_host(each) != request.host.lower() for each in request.headers.getall(hdrs.ORIGIN, []))


def _host(origin: str) -> str:
    try:
        return urlsplit(origin.strip().lower()).netloc
    except ValueError:
        return ""
