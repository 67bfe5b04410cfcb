"""Headers that every answer has, and what conditional requests compare."""

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web
from multidict import CIMultiDict

from wheelyard_server.web.http import request_ids

KNOWN_TAGS = 100
"""So many of an If-None-Match count; a cache sends those of the variants that it has."""
SERIAL = "X-PyPI-Last-Serial"
"""The serial of what is described, see `catalog/serials.py`."""
END_OF_HEADERS = b"\r\n\r\n"
ALWAYS = {
    # Instead of what aiohttp says of itself: versions help only those who look for known holes.
    "Server": "wheelyard",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # A page shows what strangers uploaded. It runs nothing, loads nothing and is framed by nobody.
    "Content-Security-Policy": (
        "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
}
VARY = "Accept, Accept-Encoding, Authorization, Origin"
"""All request headers on which an answer may depend."""
NO_STORE = "no-store"
_DEFAULTS = {
    # Nobody may keep an answer that does not say otherwise: it may be somebody's own, or untrue a moment later.
    "Cache-Control": NO_STORE,
    # For caches that are set up to keep answers in spite of that.
    "Vary": VARY,
}


def complete(headers: CIMultiDict[str]) -> None:
    """Add the headers that every answer has, and defaults for caches, to those of the answer to this request."""
    headers.update({**ALWAYS, request_ids.HEADER: request_ids.current()})
    for name, value in _DEFAULTS.items():
        headers.setdefault(name, value)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Do so; a signal handler for `Application.on_response_prepare`."""
    complete(response.headers)


def matches(request: web.Request, etag: str) -> bool:
    """Return whether the client has this already: If-None-Match compares weakly, RFC 9110 section 13.1.2."""
    return is_among(etag, request.headers.get("If-None-Match", ""))


def is_among(etag: str, known: str) -> bool:
    """Return whether the value of an If-None-Match has this ETag."""
    tags = known.split(",", KNOWN_TAGS)[:KNOWN_TAGS]
    return known == etag or any(each.strip().removeprefix("W/") in (etag, "*") for each in tags)


def head(status: HTTPStatus, headers: Mapping[str, str]) -> bytes:
    """Return the beginning of an answer as bytes, up to what is another in each: see `tail`."""
    return f"HTTP/1.1 {status} {status.phrase}\r\n".encode() + _fields(headers)


def tail(now: float) -> bytes:
    """Return the rest of an answer's headers at this time, up to the value of the last one: the request's id."""
    return _fields({"Date": formatdate(now, usegmt=True), **ALWAYS}) + f"{request_ids.HEADER}: ".encode()


def _fields(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")
