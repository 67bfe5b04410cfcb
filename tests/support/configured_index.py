"""The public index that pip of this machine is configured for, as a client of this machine sees it."""

import json
import os
import socket
import ssl
import subprocess
import sys
import urllib.request
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from distlib.index import DEFAULT_INDEX

from support.upstreams.pages import JSON

_SECONDS = 60
PROJECT = "pip"
"""A project that every such index has."""


class Unreachable(Exception):  # noqa: N818 - a state of the machine, not an error
    """No public index can be reached from here; the text says why."""


class ConfiguredIndex(NamedTuple):
    """What an index needs to know of it."""

    url: str
    """"" for PyPI."""
    hosts: tuple[str, ...]
    """Those of its pages and files. On a machine behind a relay they may have private addresses."""
    authority: str
    """The certificate (PEM) of the relay's authority; "" without a relay."""

    @property
    def upstream(self) -> dict[str, Any]:
        """Return an item of `spec.upstreams`, or of `upstreams` in index.yaml."""
        place: dict[str, Any] = {"url": self.url} if self.url else {"pypi": {}}
        authority = {"caBundle": self.authority} if self.authority else {}
        return {"name": "public", **place, "fileHosts": list(self.hosts), **authority}


def configured() -> str:
    """Return the URL of the index that pip is configured for; "" for its default."""
    command = (sys.executable, "-m", "pip", "config", "get", "global.index-url")
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return os.environ.get("PIP_INDEX_URL", asked.stdout.strip())


@cache
def configured_index() -> ConfiguredIndex:
    """Return it, or raise Unreachable."""
    own = configured().rstrip("/") + "/" if configured() else ""
    if urlsplit(own).username:
        raise Unreachable("the configured index needs a login")
    url = own or f"{DEFAULT_INDEX.removesuffix('pypi')}simple/"
    request = urllib.request.Request(f"{url}{PROJECT}/", headers={"Accept": JSON})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            page = json.load(answer)
        places = {urlsplit(urljoin(url, each)).netloc for each in ("", *(file["url"] for file in page["files"]))}
        return ConfiguredIndex(own, tuple(sorted(places)), _authority(url))
    except (OSError, ValueError) as error:
        raise Unreachable(f"no public index can be reached from here: {error}") from error


def _authority(url: str) -> str:
    """Return the authority (PEM) that issued the host's certificate itself, as public ones never do."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return ""
    context = ssl.create_default_context()
    plain = socket.create_connection((parts.hostname or "", parts.port or 443), _SECONDS)
    with plain, context.wrap_socket(plain, server_hostname=parts.hostname) as connection:
        issuer = (connection.getpeercert() or {}).get("issuer")
    known = zip(context.get_ca_certs(), context.get_ca_certs(binary_form=True), strict=True)
    return next((ssl.DER_cert_to_PEM_cert(der) for each, der in known if each["subject"] == issuer), "")
