"""Redirects within the index: relative, so they work below any path that a proxy serves it at."""

from aiohttp import web


def moved_permanently(request: web.Request, path: str) -> web.HTTPMovedPermanently:
    """Return the redirect to another path of the index, to be raised."""
    return web.HTTPMovedPermanently(relative(request, path))


def relative(request: web.Request, path: str) -> str:
    """Return a path of the index as a reference from the request's own."""
    return relative_from(request.path, path)


def relative_from(page: str, path: str) -> str:
    """Return a path of the index as a reference from that of a page (RFC 3986, section 4.2)."""
    up = "../" * (page.count("/") - 1)
    return f"{up}{path.removeprefix('/')}" or "./"
