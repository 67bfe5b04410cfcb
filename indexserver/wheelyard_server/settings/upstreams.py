"""The settings of upstreams: other indexes whose projects this one serves, too."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

import msgspec

from wheelyard_server.settings.part import Glob, SettingsPart, is_plain_url
from wheelyard_server.tls import check_authorities

PYPI = "pypi"
"""The word for PyPI in `allowedHosts`, and the usual name of its upstream."""
OSV = "osv"
"""The word for OSV's export of advisories in `allowedHosts`."""


class PyPI(SettingsPart, frozen=True):
    """The upstream is PyPI. It has no settings: `upstream/pypi.py` knows its address."""


class UpstreamFreshness(SettingsPart, frozen=True):
    """The maximum age of an upstream's pages, in seconds."""

    fresh_seconds: Annotated[float, msgspec.Meta(ge=0)] = 600
    """A page is asked for again after this time, or earlier if the upstream says so."""
    stale_seconds: Annotated[float, msgspec.Meta(ge=0)] = 86_400
    """How long a page is served while the upstream does not answer."""


UPSTREAM_NAME = r"^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\Z"
UpstreamName = Annotated[str, msgspec.Meta(pattern=UPSTREAM_NAME)]
"""A DNS label: a segment of URLs, and a label of metrics."""
HOST = r"^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z"
Host = Annotated[str, msgspec.Meta(pattern=HOST)]
"""`host` or `host:port`."""


class UpstreamSettings(SettingsPart, frozen=True):
    """Another index: exactly one of `pypi` and `url`."""

    name: UpstreamName
    """Part of the URLs of its files: `/mirror/<name>/...`."""
    pypi: PyPI | None = None
    url: str = ""
    """URL of its simple API, such as https://download.pytorch.org/whl/cu124/."""
    packages: tuple[Glob, ...] = ("*",)
    """Globs on normalized names: the names that it is asked for."""
    file_hosts: tuple[Host, ...] = ()
    """Hosts of its files, `host` or `host:port`, in addition to the host of `url`. PyPI's need not be
    listed."""
    credentials_folder: Path | None = None
    """Folder with `username` and `password`, or `token`, and for a client certificate `tls.crt` and
    `tls.key`. It is read again when it changes."""
    credentials_for_files: bool = False
    """Whether the hosts in `file_hosts` get the credentials, too."""
    ca_bundle: str = ""
    """Certificates (PEM) of authorities that are trusted in addition to the public ones."""
    freshness: UpstreamFreshness = UpstreamFreshness()
    absent_on: tuple[int, ...] = ()
    """Statuses other than 404 and 410 that mean that the upstream has no such project: 403 at indexes
    that are S3 buckets."""
    offline: bool = False
    """Whether the upstream is never asked: what is kept is served."""

    def __post_init__(self) -> None:
        if (self.pypi is None) == (not self.url):
            raise ValueError("set exactly one of `pypi` and `url` of an upstream")
        if self.url and not is_plain_url(self.url):
            raise ValueError("`url` of an upstream must be a URL such as https://packages.example.com/simple/")
        if not set(self.absent_on) <= {401, 403}:
            raise ValueError("`absentOn` may contain 401 and 403")
        check_authorities(self.ca_bundle)


class Names(SettingsPart, frozen=True):
    """Rules for names of projects."""

    private: tuple[Glob, ...] = ()
    """Globs on normalized names that no upstream is ever asked for, whether they exist here or not."""


class Egress(SettingsPart, frozen=True):
    """The limits of connections to upstreams."""

    allowed_hosts: tuple[Host, ...] = (PYPI, OSV)
    """Hosts and the words `pypi` and `osv`. `host` is that host at the port of the scheme,
    `host:port` at another. It counts for pages, files, advisories, redirects and proxies. A host
    that is listed may have private addresses and speak plain HTTP."""
    proxy: str = ""
    """URL of the HTTP proxy for all upstreams; empty: `HTTPS_PROXY` and `HTTP_PROXY`."""
    no_proxy: tuple[str, ...] = ()
    """Hosts and their subdomains that are reached without the proxy; empty: `NO_PROXY`."""
    private_addresses: bool = False
    """Whether hosts that are not listed may have private addresses, too. That is for a laptop, whose
    upstreams are named by the person who starts the server: in many companies, the names of public
    indexes lead to a mirror inside."""
    denied_networks: tuple[str, ...] = ()
    """Networks, such as those of the cluster, that hosts which are not listed must not resolve to, in
    addition to the private ones."""

    def __post_init__(self) -> None:
        if self.proxy and not (is_plain_url(self.proxy) and self.proxy.startswith("http://")):
            raise ValueError(
                "`egress.proxy` must be a URL such as http://proxy.example.com:3128; a user and password belong in "
                "the variable HTTPS_PROXY"
            )
        for network in self.denied_networks:
            ip_network(network)
