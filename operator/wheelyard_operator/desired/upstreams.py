"""Renders the upstreams of index.yaml, and mounts their credentials into the pods."""

from collections.abc import Iterable

from wheelyard_operator.egress import WORDS, EgressSettings
from wheelyard_operator.resource import Manifest, PackageIndex, Upstream
from wheelyard_operator.resource.upstreams import allowed_form, server_form

CREDENTIALS_FOLDER = "/etc/wheelyard/upstreams"
VOLUME = "upstreams"
_KEYS = ("username", "password", "token", "tls.crt", "tls.key")
"""The keys of a Secret that servers read. Its other keys do not concern them."""
TOKEN_KEYS = ("username", "password")


def upstream_section(upstream: Upstream, *, is_blocked: bool) -> Manifest:
    """Return an item of `upstreams`. An upstream that is blocked keeps its names, and is never asked."""
    credentials = upstream.credentials
    optional = {
        "fileHosts": [server_form(allowed_form(each)) for each in upstream.file_hosts],
        "credentialsFolder": f"{CREDENTIALS_FOLDER}/{upstream.name}" if credentials else "",
        "credentialsForFiles": bool(credentials and credentials.for_files),
        "caBundle": "" if is_blocked else upstream.ca_bundle,
        "absentOn": list(upstream.absent_on),
        "offline": upstream.offline or is_blocked,
    }
    return {
        "name": upstream.name,
        **({"url": upstream.url} if upstream.url else {"pypi": {}}),
        "packages": list(upstream.packages),
        "freshness": {"freshSeconds": upstream.fresh_seconds, "staleSeconds": upstream.stale_seconds},
        **{key: value for key, value in optional.items() if value},
    }


def egress_section(upstreams: Iterable[Upstream], egress: EgressSettings, feed: str = "") -> Manifest:
    """Return `egress`: the hosts of these upstreams and this feed alone.

    So a change of other hosts replaces no servers.
    """
    named = {*(host for each in upstreams for host in each.hosts), *([feed] if feed else [])}
    hosts = {host if host in WORDS else server_form(host) for host in named}
    optional = {
        "proxy": egress.proxy,
        "noProxy": list(egress.no_proxy) if egress.proxy else [],
        "deniedNetworks": list(egress.denied_networks),
    }
    proxy = {server_form(allowed_form(egress.proxy))} if egress.proxy else set()
    return {
        "allowedHosts": sorted(hosts | proxy),
        **{key: value for key, value in optional.items() if value},
    }


def credentials_volume(index: PackageIndex) -> list[Manifest]:
    """Return the volume with the credentials of upstreams: a folder for each, and no volume without any.

    Every file is optional, so that a missing Secret blocks no pod.
    """
    sources = [_source(index, each) for each in index.upstreams if each.credentials]
    return [{"name": VOLUME, "projected": {"defaultMode": 0o440, "sources": sources}}] if sources else []


def credentials_mount(index: PackageIndex) -> list[Manifest]:
    """Return the mount of that volume."""
    mount = {"name": VOLUME, "mountPath": CREDENTIALS_FOLDER, "readOnly": True}
    return [mount] if credentials_volume(index) else []


def token_key(upstream: str, key: str) -> str:
    """Return where the Secret with tokens has a part of an upstream's credentials."""
    return f"{upstream}.{key}"


def _source(index: PackageIndex, upstream: Upstream) -> Manifest:
    name = upstream.credentials.secret_name if upstream.credentials else ""
    keys = {each: each for each in _KEYS} if name else {each: token_key(upstream.name, each) for each in TOKEN_KEYS}
    items = [{"key": key, "path": f"{upstream.name}/{file}"} for file, key in keys.items()]
    return {"secret": {"name": name or index.tokens_secret_name, "items": items, "optional": True}}
