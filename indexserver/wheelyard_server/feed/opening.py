"""From settings to a feed."""

from wheelyard_server.clock import utc_now
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.feed import Feed
from wheelyard_server.feed.file_feed import FileFeed
from wheelyard_server.feed.http_feed import HttpFeed
from wheelyard_server.feed.requests import Requests
from wheelyard_server.settings import Settings
from wheelyard_server.settings.upstreams import OSV
from wheelyard_server.upstream import osv, urls
from wheelyard_server.upstream.allowed_hosts import AllowedHosts
from wheelyard_server.upstream.proxies import Proxies


def open_feed(settings: Settings) -> Feed | None:
    """Return the feed of the settings, None if there is none; raise `InvalidSettingsError`.

    Nothing is connected yet. A host that is not allowed is an error of the requests, so that it
    does not stop the server.
    """
    wanted = settings.advisories
    if wanted is None:
        return None
    if wanted.file is not None:
        return FileFeed(wanted.file)
    try:
        url = urls.parse(wanted.url or osv.EXPORT_URL)
    except ValueError as error:
        raise InvalidSettingsError(
            "`url` of `advisories` must have a plain host name, or an address in its usual form"
        ) from error
    if not url.raw_path.endswith(("/", ".zip")):
        url = urls.parse(f"{url}/")
    allowed, proxies = AllowedHosts(settings.egress), Proxies(settings.egress)
    requests = Requests(url, allowed, proxies, utc_now, wanted.ca_bundle)
    return HttpFeed(wanted.url or OSV, url, requests, settings.scratch_folder)
