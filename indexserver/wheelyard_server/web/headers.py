"""Headers that every answer has, and what conditional requests compare."""

from aiohttp import web

from wheelyard_server.web import request_ids

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # A page shows what strangers uploaded. It runs nothing, loads nothing and is framed by nobody.
    "Content-Security-Policy": (
        "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    # Instead of what aiohttp says of itself: versions help only those who look for known holes.
    "Server": "wheelyard",
}


def always() -> dict[str, str]:
    """Return them, for the request that is being answered."""
    return {**_ALWAYS, request_ids.HEADER: request_ids.current()}


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add them; a signal handler for `Application.on_response_prepare`."""
    response.headers.update(always())


def matches(request: web.Request, etag: str) -> bool:
    """Tell whether the client has this already: If-None-Match compares weakly, RFC 9110 section 13.1.2."""
    known = request.headers.get("If-None-Match", "")
    return any(each.strip().removeprefix("W/") in (etag, "*") for each in known.split(","))
