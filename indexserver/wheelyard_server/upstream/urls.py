"""URLs as requests are sent to them: the bytes of the path stay those of the upstream's page (T18)."""

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import quote, urljoin

from yarl import URL

_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_LIKE_AN_ADDRESS = re.compile(r".*:.*|(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
"""The last label of a name is not a number (WHATWG URL, "ends in a number checker")."""
_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """A scheme, a host in lower case, and a port."""

    scheme: str
    host: str
    port: int

    @property
    def name(self) -> str:
        """Return the host, with the port if it is not the scheme's."""
        return self.names[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the ways in which lists of hosts may spell this one, the shortest first."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        full = f"{host}:{self.port}"
        return (host, full) if self.port == _PORTS[self.scheme] else (full,)


def parse(text: str) -> URL:
    """Return a URL of HTTP without user, password and fragment; raise a `ValueError` for any other."""
    # Not requoted: some servers sign the path, or compare it byte for byte.
    url = URL(quote(text, safe=_VISIBLE), encoded=True)
    # Not `host`, which decodes names such as xn--bcher-kva.example.
    host = (url.raw_host or "").lower()
    if url.scheme not in _PORTS or not _is_host(host):
        raise ValueError("not a URL of HTTP")
    return URL.build(
        scheme=url.scheme,
        host=f"[{host}]" if ":" in host else host,
        port=url.explicit_port,
        path=url.raw_path,
        query_string=url.raw_query_string,
        encoded=True,
    )


def joined(url: URL, reference: str) -> URL:
    """Return the URL that a redirect names; raise a `ValueError` as `parse`."""
    return parse(urljoin(str(url), reference.strip()))


def origin(url: URL) -> Origin:
    """Return the origin of a URL that `parse` returned."""
    assert url.raw_host is not None and url.port is not None  # noqa: S101, PT018 - `parse` checks it
    return Origin(url.scheme, url.raw_host, url.port)


def _is_host(host: str) -> bool:
    """Return whether this is the name of a host or an address in its usual form, unlike 127.1 or 0x7f000001."""
    if not _LIKE_AN_ADDRESS.fullmatch(host):
        return _NAME.fullmatch(host) is not None
    try:
        return str(ip_address(host)) == host and "%" not in host
    except ValueError:
        return False
