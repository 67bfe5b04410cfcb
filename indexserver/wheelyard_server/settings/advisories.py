"""The settings of advisories: the feed that they come from."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.part import SettingsPart, is_plain_url
from wheelyard_server.settings.upstreams import OSV
from wheelyard_server.tls import check_authorities

NO_FEED = "none"
"""The word for no feed on the command line."""


class Osv(SettingsPart, frozen=True):
    """The feed is OSV. It has no settings: `upstream/osv.py` knows its address."""


class AdvisorySettings(SettingsPart, frozen=True):
    """A feed of advisories in OSV's format: exactly one of `osv`, `url` and `file`."""

    osv: Osv | None = None
    url: str = ""
    """URL of a folder with `all.zip` and, if there is one, `modified_id.csv` and `<ID>.json`, or of a zip
    archive such as https://mirror.example.com/osv/all.zip."""
    file: Path | None = None
    """A zip archive, which is read again when it changes."""
    ca_bundle: str = ""
    """Certificates (PEM) of authorities that are trusted in addition to the public ones."""
    poll_seconds: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 120
    """How often the feed is asked for changes, by one of all servers of the index."""

    def __post_init__(self) -> None:
        if (self.osv is not None) + bool(self.url) + (self.file is not None) != 1:
            raise ValueError("set exactly one of `osv`, `url` and `file` of `advisories`")
        if self.url and not is_plain_url(self.url):
            raise ValueError("`url` of `advisories` must be a URL such as https://mirror.example.com/osv/PyPI/")
        check_authorities(self.ca_bundle)


def parse_feed(argument: str) -> AdvisorySettings | None:
    """Return the feed of a command line: `osv`, a URL, a file, or `none`; raise `InvalidSettingsError`."""
    if argument == NO_FEED:
        return None
    if argument == OSV:
        return AdvisorySettings(osv=Osv())
    if "://" not in argument:
        return AdvisorySettings(file=Path(argument))
    try:
        return AdvisorySettings(url=argument)
    except ValueError as error:
        raise InvalidSettingsError(f"--advisories {argument!r}: {error}") from None


def host_of(feed: AdvisorySettings) -> str:
    """Return the host of a feed as `allowedHosts` has it; "" for a file."""
    if feed.osv is not None:
        return OSV
    parts = urlsplit(feed.url)
    if not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    return host if port == 443 else f"{host}:{port}"
