"""Whether a person asks: browsers say so (https://www.w3.org/TR/fetch-metadata/), and no installer does."""

from aiohttp import web


def is_navigation(request: web.Request) -> bool:
    """Return whether a browser asks for the page that it is about to show."""
    return request.headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
