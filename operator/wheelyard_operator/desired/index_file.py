"""Renders index.yaml, the configuration of index servers, which docs/contract.md describes."""

from collections.abc import Collection

import yaml

from wheelyard_operator.desired.policy_file import POLICY_PATH
from wheelyard_operator.desired.upstreams import egress_section, upstream_section
from wheelyard_operator.desired.webhook import webhook_section
from wheelyard_operator.resource import (
    DEFAULT_ACCEPT,
    AdvisoryFeed,
    FetchLog,
    Manifest,
    PackageIndex,
    S3Storage,
    VolumeStorage,
)
from wheelyard_operator.settings import Settings

INDEX_FILE = "index.yaml"
CONFIG_FOLDER = "/etc/wheelyard/config"
CONFIG_FILE = f"{CONFIG_FOLDER}/{INDEX_FILE}"
PORT = 8080
EXTERNAL_PORT = 8081
METRICS_PORT = 9090
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - of a pod's own
CACHE_FOLDER = "/cache"
VOLUME_FOLDER = "/data"
SCRATCH_FOLDER = "/scratch"
_SCRATCH_ON_VOLUME = f"{VOLUME_FOLDER}/.scratch"
"""A received file on the storage's own file system becomes the stored one without a copy."""
_NO_EGRESS: Manifest = {"allowedHosts": []}
DRAIN_SECONDS = 5
GRACE_SECONDS = 300


def scratch_bytes(index: PackageIndex) -> int:
    """Return the scratch space of a server: four of the largest uploads."""
    return 4 * index.serving.file_bytes


def index_file(index: PackageIndex, settings: Settings, blocked: Collection[str] = ()) -> str:
    """Render index.yaml. `blocked` has the names of the upstreams that servers must not ask."""
    serving = index.serving
    content = {
        "index": index.id,
        "storage": _storage(index.storage, settings),
        "listeners": {
            "cluster": {"host": ANY_ADDRESS, "port": PORT},
            "external": {"host": ANY_ADDRESS, "port": EXTERNAL_PORT, **_external(index)},
            "metrics": {"host": ANY_ADDRESS, "port": METRICS_PORT},
        },
        "accessFile": "/etc/wheelyard/access/access.json.gz",
        "scratchFolder": _SCRATCH_ON_VOLUME if on_volume(index) else SCRATCH_FOLDER,
        **_cache(index),
        "limits": {
            "fileBytes": serving.file_bytes,
            "metadataBytes": serving.metadata_bytes,
            "projectFiles": serving.project_files,
            "scratchBytes": scratch_bytes(index),
            **_mirrored(index),
        },
        **_uploads(index),
        "freshness": {"freshSeconds": serving.fresh_seconds, "staleSeconds": serving.stale_seconds},
        "logs": {"format": settings.log_format},
        **_tracing(settings),
        **_redirects(index),
        **_upstreams(index, settings, blocked),
        **_records(index),
        **({"webhook": webhook_section(index.webhook)} if index.webhook else {}),
        **({"policyFile": POLICY_PATH} if index.policy else {}),
        **_web(index),
        "shutdown": {"drainSeconds": DRAIN_SECONDS, "graceSeconds": GRACE_SECONDS},
    }
    return yaml.safe_dump(content, sort_keys=False)


def on_volume(index: PackageIndex) -> bool:
    """Return whether the storage is a volume: then there is no cache, and uploads arrive on it."""
    return isinstance(index.storage, VolumeStorage)


def _storage(storage: S3Storage | VolumeStorage, settings: Settings) -> Manifest:
    if isinstance(storage, VolumeStorage):
        return {"folder": {"path": VOLUME_FOLDER}}
    url = endpoint(storage, settings)
    return {
        "s3": {
            "bucket": storage.bucket,
            "prefix": storage.prefix,
            "region": storage.region or settings.region,
            "endpoint": url,
            # Not for AWS, whose certificates are public: a change replaces the servers.
            **({"caBundle": settings.ca_bundle} if settings.ca_bundle and url.startswith("https://") else {}),
        }
    }


def endpoint(storage: S3Storage, settings: Settings) -> str:
    """Return the URL of the S3 server, "" for AWS."""
    return storage.endpoint or settings.s3_endpoint


def _external(index: PackageIndex) -> Manifest:
    # Left out if empty: a new key would replace the servers of every index.
    external = index.external
    wanted = {
        "trustedProxies": list(external.trusted_proxies),
        "path": external.path,
        "allowedOrigins": list(external.allowed_origins),
    }
    return {key: value for key, value in wanted.items() if value}


def _tracing(settings: Settings) -> Manifest:
    if not settings.tracing_endpoint:
        return {}
    return {"tracing": {"endpoint": settings.tracing_endpoint, "ratio": settings.tracing_ratio}}


def _uploads(index: PackageIndex) -> Manifest:
    # The default is left out: a new key would replace the servers of every index.
    accept = index.serving.accept
    return {} if accept == DEFAULT_ACCEPT else {"uploads": {"accept": accept}}


def _redirects(index: PackageIndex) -> Manifest:
    redirects = index.serving.redirects
    if redirects is None:
        return {}
    endpoints = {"cluster": redirects.cluster, "external": redirects.external}
    listeners = {name: {"endpoint": endpoint} for name, endpoint in endpoints.items() if endpoint is not None}
    return {"redirects": {"minBytes": redirects.min_bytes, **listeners}}


def _mirrored(index: PackageIndex) -> Manifest:
    size = index.serving.mirrored_bytes
    return {} if size is None else {"mirroredBytes": size}


def _upstreams(index: PackageIndex, settings: Settings, blocked: Collection[str]) -> Manifest:
    reached = [each for each in index.upstreams if each.name not in blocked]
    egress = egress_section(reached, settings.egress, index.feed.host if index.feed else "")
    if not index.upstreams:
        # For single sign-on only the proxy and the denied networks: another provider replaces no
        # pod.
        signs_on = index.web.single_sign_on is not None and egress != _NO_EGRESS
        return {**_names(index), **({"egress": egress} if index.other_hosts or signs_on else {})}
    return {
        "upstreams": [upstream_section(each, is_blocked=each.name in blocked) for each in index.upstreams],
        "egress": egress,
    }


def _records(index: PackageIndex) -> Manifest:
    """Return the feed of advisories, and the fetch log if it is not the servers' default."""
    feed, log = index.feed, index.fetch_log
    advisories = {} if feed is None else {"advisories": _feed(feed)}
    days = {"fetchLog": {"days": log.days, "addresses": log.addresses}}
    return {**advisories, **({} if log == FetchLog() else days)}


def _feed(feed: AdvisoryFeed) -> Manifest:
    source: Manifest = {"url": feed.url} if feed.url else {"osv": {}}
    bundle = {"caBundle": feed.ca_bundle} if feed.ca_bundle else {}
    return {**source, **bundle, "pollSeconds": feed.poll_seconds}


def _names(index: PackageIndex) -> Manifest:
    """Return the private names of an index that has no policy file, which would have them."""
    return {"names": {"private": list(index.private_names)}} if index.private_names and not index.policy else {}


def _web(index: PackageIndex) -> Manifest:
    """Return what differs from the servers' defaults: they find sessions.yaml next to the access file."""
    web = {**({} if index.web.enabled else {"enabled": False}), **({"images": True} if index.web.images else {})}
    return {"web": web} if web else {}


def _cache(index: PackageIndex) -> Manifest:
    return {} if on_volume(index) else {"cache": {"folder": CACHE_FOLDER, "maxBytes": index.serving.cache_bytes}}
