"""Families of clients, by their User-Agent header: a handful of names for metrics and statistics."""

from aiohttp import web

FAMILIES = frozenset({"pip", "uv", "twine", "poetry", "pdm", "hatch", "flit"})
BROWSER = "browser"
OTHER = "other"


def family(user_agent: str) -> str:
    """Return the family that the value of a User-Agent header names."""
    product = user_agent.partition("/")[0].lower()
    if product in FAMILIES:
        return product
    return BROWSER if product == "mozilla" else OTHER


def family_of(request: web.BaseRequest) -> str:
    """Return the family of the client that sent a request."""
    return family(request.headers.get("User-Agent", ""))
