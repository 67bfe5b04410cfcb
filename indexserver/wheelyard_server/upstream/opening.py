"""From settings to upstreams."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from wheelyard_server.settings import Settings
from wheelyard_server.upstream import Upstream
from wheelyard_server.upstream.allowed_hosts import AllowedHosts
from wheelyard_server.upstream.client import HttpUpstream
from wheelyard_server.upstream.proxies import Proxies


def open_upstreams(settings: Settings) -> Mapping[str, Upstream]:
    """Return the upstreams by name, in the order of the settings.

    Nothing is connected yet, and no event loop needs to run. Each must be closed in the loop that
    used it. What the settings of an upstream do not allow is an error of its requests, so that
    one wrong upstream does not stop the server.
    """
    allowed, proxies = AllowedHosts(settings.egress), Proxies(settings.egress)
    return {
        each.name: HttpUpstream(each, allowed, proxies, time.monotonic, lambda: datetime.now(UTC))
        for each in settings.upstreams
    }
