"""The HTTP proxy of a request: from the settings, or from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`."""

from typing import NamedTuple
from urllib.parse import unquote
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import aiohttp
from yarl import URL

from wheelyard_server.settings.upstreams import Egress
from wheelyard_server.upstream import urls
from wheelyard_server.upstream.failures import ForbiddenTargetError
from wheelyard_server.upstream.urls import Origin


class Proxy(NamedTuple):
    """A proxy, and how to log in to it."""

    url: URL
    authorization: str
    """Value of `Proxy-Authorization`; "" if it needs none."""


class Proxies:
    """Chooses the proxy of each request. The environment is read once."""

    def __init__(self, egress: Egress) -> None:
        environment = getproxies_environment()
        self._by_scheme = {"http": egress.proxy, "https": egress.proxy} if egress.proxy else environment
        self._bypassed = {"no": ",".join(egress.no_proxy) if egress.no_proxy else environment.get("no", "")}

    def proxy(self, origin: Origin) -> Proxy | None:
        """Return the proxy for a host; None if it is reached directly.

        Raises a `ValueError`, which is worded for people, if the proxy's URL cannot be used.
        """
        text = self._by_scheme.get(origin.scheme, "")
        if not text or proxy_bypass_environment(f"{origin.host}:{origin.port}", self._bypassed):
            return None
        return _read(text)

    def route(self, origin: Origin) -> tuple[Proxy, Origin] | None:
        """Do as `proxy`, with the proxy's own host; raise `ForbiddenTargetError` if its URL cannot be used."""
        try:
            proxy = self.proxy(origin)
        except ValueError as error:
            raise ForbiddenTargetError(str(error)) from error
        return None if proxy is None else (proxy, urls.origin(proxy.url))


def _read(text: str) -> Proxy:
    # curl and others accept a proxy without a scheme.
    text = text if "://" in text else f"http://{text}"
    try:
        url = urls.parse(text)
    except ValueError:
        url = None
    if url is None or url.scheme != "http":
        raise ValueError("must be reached through a proxy whose URL is not like http://proxy.example.com:3128")
    return Proxy(url, _authorization(URL(text)))


def _authorization(url: URL) -> str:
    if not url.raw_user:
        return ""
    return aiohttp.encode_basic_auth(unquote(url.raw_user), unquote(url.raw_password or ""))
