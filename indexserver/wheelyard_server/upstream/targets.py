"""Which hosts the requests of one upstream may go to, and which of them get its credentials (ADR 37)."""

from yarl import URL

from wheelyard_server.settings.upstreams import UpstreamSettings
from wheelyard_server.upstream import pypi, urls
from wheelyard_server.upstream.allowed_hosts import AllowedHosts, is_any_of
from wheelyard_server.upstream.failures import ForbiddenTargetError
from wheelyard_server.upstream.proxies import Proxies, Proxy
from wheelyard_server.upstream.urls import Origin

_LIST_IT = "which `upstreams.allowedHosts` of the chart does not list"


class Targets:
    """The rules of one upstream. The texts of errors continue "The upstream NAME ..."."""

    def __init__(self, settings: UpstreamSettings, allowed: AllowedHosts, proxies: Proxies) -> None:
        self._settings = settings
        self._allowed = allowed
        self._proxies = proxies
        self.url = _with_slash(urls.parse(settings.url or pypi.simple_url()))
        """URL of the simple API, with a slash at the end."""
        self.origin = urls.origin(self.url)

    def check_page(self, origin: Origin) -> None:
        """Raise `ForbiddenTargetError` unless pages may come from here."""
        if origin != self.origin:
            raise ForbiddenTargetError(f"redirects its pages to {_full(origin)}: use that as its `url`")
        if not self._allowed.allows_pages(origin):
            raise ForbiddenTargetError(f"is at {origin.name}, {_LIST_IT}")

    def check_file(self, origin: Origin, named: Origin) -> None:
        """Raise `ForbiddenTargetError` unless files may come from here; `named` is the host in the page."""
        if origin == self.origin:
            return self.check_page(origin)
        if self._settings.pypi is None and not is_any_of(origin, self._settings.file_hosts):
            raise ForbiddenTargetError(f"has files at {origin.name}: add that to its `fileHosts`, or `--file-host`")
        if not (self._allowed.lists(origin) or self._is_of_pypi(origin, named)):
            raise ForbiddenTargetError(f"has files at {_full(origin)}, {_LIST_IT}")
        if not self._is_as_safe(origin):
            raise ForbiddenTargetError(f"has files at {_full(origin)}, without TLS, though its `url` has TLS")
        return None

    def proxy(self, origin: Origin) -> tuple[Proxy, Origin] | None:
        """Return the proxy for a host, with its own; raise `ForbiddenTargetError` if that is not allowed.

        A proxy resolves names by itself. So names that an upstream makes up do not go through it.
        """
        route = self._proxies.route(origin)
        if route is None:
            return None
        _, through = route
        if not self._allowed.lists(through):
            raise ForbiddenTargetError(f"must be reached through the proxy {through.name}, {_LIST_IT}")
        if not self._allowed.allows_pages(origin):
            raise ForbiddenTargetError(f"has files at {origin.name}, {_LIST_IT}: with a proxy, it must")
        return route

    def gets_credentials(self, origin: Origin) -> bool:
        """Return whether requests to this host have the credentials."""
        if origin == self.origin:
            return True
        is_meant = self._settings.credentials_for_files and self._is_as_safe(origin)
        return is_meant and is_any_of(origin, self._settings.file_hosts)

    def _is_as_safe(self, origin: Origin) -> bool:
        """Return whether connections to this host are encrypted if those to the upstream's pages are."""
        return origin.scheme == "https" or self.origin.scheme == "http"

    def _is_of_pypi(self, origin: Origin, named: Origin) -> bool:
        """Return whether PyPI's own page names this host; a redirect to another one does not count."""
        is_named = self._settings.pypi is not None and self._allowed.has_pypi and origin == named
        return is_named and origin.scheme == "https" and origin.port == 443


def _with_slash(url: URL) -> URL:
    return url if url.raw_path.endswith("/") else urls.parse(f"{url}/")


def _full(origin: Origin) -> str:
    return f"{origin.scheme}://{origin.name}"
