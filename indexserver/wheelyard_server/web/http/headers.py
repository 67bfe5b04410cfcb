"""Headers that every answer has, and the ETags of conditional requests."""

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web
from multidict import CIMultiDict

from wheelyard_server.web.http import request_ids

MAX_ETAGS = 100
"""The number of ETags in an If-None-Match that count; a cache sends those of its variants."""
SERIAL = "X-PyPI-Last-Serial"
"""The serial of the project or list in the answer, see `catalog/serials.py`."""
CSP = "Content-Security-Policy"
END_OF_HEADERS = b"\r\n\r\n"
ALWAYS = {
    # Instead of aiohttp's version, which only helps attackers.
    "Server": "wheelyard",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # A page shows what strangers uploaded. It may run nothing, load nothing and be framed by no
    # site.
    CSP: (
        "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
}
VARY = "Accept, Accept-Encoding, Authorization, Origin"
"""All request headers on which an answer may depend."""
NO_STORE = "no-store"
_DEFAULTS = {
    # No cache may keep an answer that does not say otherwise: it may be for one user, or outdated
    # soon.
    "Cache-Control": NO_STORE,
    # For caches that are configured to keep answers in spite of that.
    "Vary": VARY,
}


def complete(headers: CIMultiDict[str]) -> None:
    """Add the headers that every answer has, and defaults for caches, to those of the answer to this request."""
    # Pages for people have forms, so they bring a policy of their own; see
    # `web/site/page_headers.py`.
    policy = headers.get(CSP, ALWAYS[CSP])
    headers.update({**ALWAYS, CSP: policy, request_ids.HEADER: request_ids.current()})
    for name, value in _DEFAULTS.items():
        headers.setdefault(name, value)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Complete the headers of an answer; a signal handler for `Application.on_response_prepare`."""
    complete(response.headers)


def matches(request: web.Request, etag: str) -> bool:
    """Return whether the client has this already: If-None-Match compares weakly, RFC 9110 section 13.1.2."""
    return is_among(etag, request.headers.get("If-None-Match", ""))


def is_among(etag: str, known: str) -> bool:
    """Return whether an If-None-Match header has this ETag."""
    tags = known.split(",", MAX_ETAGS)[:MAX_ETAGS]
    return known == etag or any(each.strip().removeprefix("W/") in (etag, "*") for each in tags)


def head(status: HTTPStatus, headers: Mapping[str, str]) -> bytes:
    """Return the beginning of an answer's head as bytes, which can be cached: the rest varies, see `tail`."""
    return f"HTTP/1.1 {status} {status.phrase}\r\n".encode() + _fields(headers)


def tail(now: float) -> bytes:
    """Return the rest of an answer's head at this time, up to the value of the last header: the request's id."""
    return _fields({"Date": formatdate(now, usegmt=True), **ALWAYS}) + f"{request_ids.HEADER}: ".encode()


def _fields(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")
