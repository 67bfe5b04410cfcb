"""From settings to upstreams."""

import time
from collections.abc import Mapping

from wheelyard_server.clock import utc_now
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings import Settings
from wheelyard_server.settings.upstreams import UpstreamSettings
from wheelyard_server.upstream import Upstream
from wheelyard_server.upstream.allowed_hosts import AllowedHosts
from wheelyard_server.upstream.client import HttpUpstream
from wheelyard_server.upstream.proxies import Proxies


def open_upstreams(settings: Settings) -> Mapping[str, Upstream]:
    """Return the upstreams by name, in the order of the settings.

    Nothing is connected yet, and no event loop needs to run. Each must be closed in the loop that
    used it. A host that is not allowed is an error of the requests, so that it does not stop the
    server. Raises `InvalidSettingsError` for a URL that cannot be asked.
    """
    allowed, proxies = AllowedHosts(settings.egress), Proxies(settings.egress)
    return {each.name: _opened(each, allowed, proxies) for each in settings.upstreams}


def _opened(settings: UpstreamSettings, allowed: AllowedHosts, proxies: Proxies) -> Upstream:
    try:
        return HttpUpstream(settings, allowed, proxies, time.monotonic, utc_now)
    except ValueError as error:
        raise InvalidSettingsError(
            f"`url` of the upstream {settings.name} must have a plain host name, or an address in its usual form"
        ) from error
