"""Cookies of the pages: for this host alone, for HTTPS alone, and unreadable for scripts (RFC 6265bis).

A browser takes a cookie that begins with `__Host-` only from the host itself and by HTTPS, so no
other server of the domain can plant one. Plain HTTP is for a server on the user's own machine.
"""

import hashlib
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import web

from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.web.context import root_url
from wheelyard_server.web.http.proxies import public_path

_PREFIX = "__Host-"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class SameSite(StrEnum):
    """Whether a browser sends a cookie with requests that begin at another site."""

    STRICT = "Strict"
    """Never."""
    LAX = "Lax"
    """If the user goes from there to a page of this one."""


def cookie_name(request: web.Request, name: str) -> str:
    """Return the name of a cookie at this index; several may be below paths of one host.

    Raises `InvalidRequestError` if the browser came by plain HTTP from elsewhere: it would show the
    cookie to the network.
    """
    own = f"{name}{_slug(public_path(request))}"
    if is_secure(request):
        return f"{_PREFIX}{own}"
    if urlsplit(root_url(request)).hostname in _LOCAL:
        return own
    raise InvalidRequestError(
        "Logins to pages need HTTPS: open this index by its https URL, and have a proxy in front of it send "
        "`X-Forwarded-Proto: https`"
    )


def is_secure(request: web.Request) -> bool:
    """Return whether the browser came by HTTPS."""
    return root_url(request).startswith("https:")


class Cookie(NamedTuple):
    """A cookie to set."""

    name: str
    """As `cookie_name` returns it, perhaps with an ending."""
    value: str
    seconds: int
    same_site: SameSite


def set_cookie(request: web.Request, response: web.Response, cookie: Cookie) -> None:
    """Set a cookie."""
    response.set_cookie(
        cookie.name,
        cookie.value,
        max_age=cookie.seconds,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite=cookie.same_site,
    )


def delete_cookie(request: web.Request, response: web.Response, name: str) -> None:
    """Delete a cookie: browsers take that, too, only with the attributes that the name asks for."""
    response.del_cookie(name, path="/", secure=is_secure(request), httponly=True)


def _slug(path: str) -> str:
    return f"-{hashlib.sha256(path.encode()).hexdigest()[:8]}" if path else ""
