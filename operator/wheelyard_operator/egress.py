"""The platform team's settings of upstreams: the hosts and roles that indexes may use, and the proxy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import NamedTuple

from wheelyard_operator.patterns import NAMESPACE, PatternError, name_pattern

PYPI = "pypi"
"""The word for PyPI in the list of allowed hosts."""
OSV = "osv"
"""The word for the export of advisories by OSV."""
WORDS = frozenset({PYPI, OSV})
"""Hosts of these names are written with their ports."""
_HOST = re.compile(r"(http://)?([^:/]{1,253})(:[1-9][0-9]{0,4})?")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=.@_/-]{1,512}")


class EgressError(ValueError):
    """A value of the Helm chart, below `upstreams` or `webhooks`, is invalid."""


class Host(NamedTuple):
    """A host of an upstream, or a pattern for hosts."""

    scheme: str
    """"http://", or "" for https."""
    name: str
    port: str
    """":8443", or "" for the port that the scheme implies."""

    @classmethod
    def parse(cls, text: str) -> "Host | None":
        """Take it from `host`, `host:port` or `http://host:port`; return None for anything else."""
        found = _HOST.fullmatch(text)
        return cls(found[1] or "", found[2], found[3] or "") if found else None


@dataclass(frozen=True)
class EgressSettings:
    """What the platform team allows upstreams, in the words of the Helm chart."""

    allowed_hosts: tuple[Host, ...] = ()
    """Patterns of names, each for one scheme and port."""
    allows_pypi: bool = True
    allows_osv: bool = True
    webhook_hosts: tuple[Host, ...] = ()
    """The same for receivers of events."""
    allowed_roles: tuple[str, ...] = ()
    """ARNs, which may contain `{namespace}`."""
    proxy: str = ""
    """The URL of the proxy for all upstreams, "" for none."""
    no_proxy: tuple[str, ...] = ()
    """Hosts and their subdomains that are reached without the proxy."""
    denied_networks: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "EgressSettings":
        """Raise EgressError, naming the Helm value."""
        hosts = _listed(environment.get("WHEELYARD_UPSTREAM_HOSTS", f"{PYPI},{OSV}"))
        return cls(
            allowed_hosts=tuple(_host(each) for each in hosts if each not in WORDS),
            allows_pypi=PYPI in hosts,
            allows_osv=OSV in hosts,
            webhook_hosts=tuple(
                _host(each, "webhooks") for each in _listed(environment.get("WHEELYARD_WEBHOOK_HOSTS", ""))
            ),
            allowed_roles=tuple(map(_role, _listed(environment.get("WHEELYARD_UPSTREAM_ROLES", "")))),
            proxy=_proxy(environment.get("WHEELYARD_UPSTREAM_PROXY", "")),
            # Many write .example.com, which servers read as example.com.
            no_proxy=tuple(
                each.lstrip(".") for each in _listed(environment.get("WHEELYARD_UPSTREAM_NO_PROXY", ""))
            ),
            denied_networks=tuple(
                map(_network, _listed(environment.get("WHEELYARD_UPSTREAM_DENIED_NETWORKS", "")))
            ),
        )

    def allows_role(self, arn: str, namespace: str) -> bool:
        """Return whether an index of this namespace may name a role. Its ExternalId must allow it, too."""
        return arn in {each.replace(NAMESPACE, namespace) for each in self.allowed_roles}

    def uses_proxy(self, host: str) -> bool:
        """Return whether servers reach a host through the proxy."""
        return bool(self.proxy) and not any(host == each or host.endswith(f".{each}") for each in self.no_proxy)


def _host(text: str, group: str = "upstreams") -> Host:
    host = Host.parse(text)
    if host is None:
        words = "pypi, osv, HOST" if group == "upstreams" else "HOST"
        raise EgressError(f"{group}.allowedHosts: {text!r} must be {words}, HOST:PORT or http://HOST:PORT")
    try:
        name_pattern(host.name)
    except PatternError as error:
        raise EgressError(f"{group}.allowedHosts: {error}") from error
    # Hosts of upstreams are compared in the form of `allowed_form`.
    is_implied = host.port == (":80" if host.scheme else ":443") and host.name not in WORDS
    return host._replace(port="") if is_implied else host


def _role(text: str) -> str:
    if not _ROLE.fullmatch(text.replace(NAMESPACE, "namespace")):
        raise EgressError(
            f"upstreams.allowedRoles: {text!r} must be the ARN of a role, such as"
            " arn:aws:iam::111122223333:role/wheelyard-{namespace}"
        )
    return text


def _proxy(url: str) -> str:
    # It may contain a password, which must not be logged, and would be in each index.yaml.
    if url and not re.fullmatch(r"http://[A-Za-z0-9.-]+:[1-9][0-9]{0,4}/?", url):
        raise EgressError(
            "upstreams.proxy must be a URL such as http://proxy.example.com:3128, without a login or a path"
        )
    return url.rstrip("/")


def _network(text: str) -> str:
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise EgressError(f"upstreams.deniedNetworks: {text!r} must be a network such as 10.0.0.0/8") from error
    if not network.prefixlen:
        raise EgressError(f"upstreams.deniedNetworks: {text!r} has all addresses: no upstream could be reached")
    return str(network)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())
