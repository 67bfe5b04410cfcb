"""The server's settings: `index.yaml`, see docs/contract.md.

Unknown keys are refused, so that a typo, or a file for a newer server, is noticed immediately.
"""

import re
from datetime import date, datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import yaml

from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.settings.advisories import AdvisorySettings
from wheelyard_server.settings.faults import explained
from wheelyard_server.settings.part import DIGEST, DURATION, GIB, MIB, Scalar, SettingsPart, is_plain_url
from wheelyard_server.settings.upstreams import HOST, UPSTREAM_NAME, Egress, Names, UpstreamSettings
from wheelyard_server.settings.web import SESSIONS_FILE, WebSettings
from wheelyard_server.settings.webhook import WebhookSettings
from wheelyard_server.settings.yaml_loaders import SAFE_LOADER, YamlLoader
from wheelyard_server.tls import check_authorities

_MAX_PATH_LENGTH = 200
_PUBLIC_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")
"""Paths that need no quoting, neither in a URL nor in a page."""

_ORIGIN = re.compile(r"\*|https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?")
"""An origin as browsers write it: in lower case, without a path."""

_PATTERNS = {
    DIGEST: "a SHA-256: 64 hexadecimal digits in lower case",
    DURATION: "a duration such as 30s, 10m, 4h or 7d",
    HOST: "a host such as files.example.com, or host:port",
    UPSTREAM_NAME: "a name of lower-case letters, digits and hyphens",
}
"""Words for the texts that must match these patterns."""

T = TypeVar("T")


def is_public_path(path: str) -> bool:
    """Return whether an index can be served at this path; "" is the root."""
    return len(path) <= _MAX_PATH_LENGTH and _PUBLIC_PATH.fullmatch(path) is not None


class S3(SettingsPart, frozen=True):
    """A bucket, or the part of it under `prefix`."""

    bucket: str
    prefix: str = ""
    """Empty, or ends in a slash."""
    region: str = ""
    """If empty: AWS_REGION, AWS_DEFAULT_REGION, or us-east-1."""
    endpoint: str = ""
    """URL of an S3-compatible server. If empty: AWS_ENDPOINT_URL, or AWS."""
    ca_bundle: str = ""
    """Certificates (PEM) of authorities that are trusted in addition to the public ones."""

    def __post_init__(self) -> None:
        check_authorities(self.ca_bundle)


class Folder(SettingsPart, frozen=True):
    """A local folder, for any number of server processes on the same machine."""

    path: Path


class StorageSettings(SettingsPart, frozen=True):
    """The place of all data: exactly one of the fields."""

    s3: S3 | None = None
    folder: Folder | None = None

    def __post_init__(self) -> None:
        if (self.s3 is None) == (self.folder is None):
            raise ValueError("set exactly one of `s3` and `folder`")


class Cache(SettingsPart, frozen=True):
    """A cache of files from S3 on a local disk."""

    folder: Path
    """Used by one server process alone. Files from an earlier run are reused."""
    max_bytes: Annotated[int, msgspec.Meta(gt=0)] = 10 * GIB


class Listener(StrEnum):
    """The two kinds of clients: each listener has its own anonymous grants and its own redirects."""

    CLUSTER = "cluster"
    """Clients inside, such as the pods of a cluster."""
    EXTERNAL = "external"
    """Clients that come through an Ingress or HTTPRoute."""


class ListenAddress(SettingsPart, frozen=True):
    """An address that accepts connections."""

    host: str = "127.0.0.1"
    port: int = 8080
    trusted_proxies: tuple[str, ...] = ()
    """Networks such as 10.0.0.0/8 whose headers are trusted: `X-Forwarded-For` for the client's
    address, `X-Forwarded-Prefix` for the path at which they serve the index. Empty trusts none."""
    path: str = ""
    """The path at which a proxy serves the index, and which it strips, such as /team/pypi; "" is
    the root."""

    allowed_origins: tuple[str, ...] = ()
    """Sites whose pages may read what anonymous may (CORS), such as https://notebooks.example.com;
    "*" is any."""

    def __post_init__(self) -> None:
        self.networks()
        if not is_public_path(self.path):
            raise ValueError("`path` must be empty or a path such as /team/pypi, without a trailing slash")
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("`allowedOrigins` must contain * or origins such as https://notebooks.example.com")

    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the networks of the trusted proxies."""
        return tuple(ip_network(each, strict=False) for each in self.trusted_proxies)


class Listeners(SettingsPart, frozen=True):
    """The addresses of the server's listeners. See `Listener`."""

    cluster: ListenAddress = ListenAddress()
    """For clients inside, such as the pods of a cluster."""
    external: ListenAddress | None = None
    """For clients that come through an Ingress or HTTPRoute; None: there is no such listener."""
    metrics: ListenAddress | None = None
    """For Prometheus and the operator; None serves no metrics."""


class Shutdown(SettingsPart, frozen=True):
    """The shutdown after SIGTERM, in seconds."""

    drain_seconds: float = 5
    """How long the server still accepts requests while it reports not ready, for load balancers to
    notice."""
    grace_seconds: float = 300
    """How long running requests may take to finish."""


class Limits(SettingsPart, frozen=True):
    """Upper limits."""

    file_bytes: int = 5 * GIB
    """Size of one distribution file."""
    metadata_bytes: int = 2 * MIB
    """Size of the METADATA or PKG-INFO of a distribution file."""
    project_files: int = 20_000
    """Number of files of one project."""
    mirrored_bytes: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Size of all files of upstreams that the index keeps; None is unlimited. Files beyond it are
    served without being kept."""
    new_mirrors_per_hour: Annotated[int, msgspec.Meta(gt=0)] = 2_000
    """Number of projects of upstreams that one client may be the first to ask for."""
    uploads: Annotated[int, msgspec.Meta(gt=0)] = 100
    """Number of uploads that one server receives concurrently; more get a 503 and retry."""
    scratch_bytes: Annotated[int, msgspec.Meta(gt=0)] = 20 * GIB
    """Size of all uploads that one server receives concurrently. A single upload may be larger."""
    connections: Annotated[int, msgspec.Meta(gt=0)] = 5_000
    """Number of connections to one server; fewer if the process may not open twice as many
    files."""
    connections_per_address: Annotated[int, msgspec.Meta(gt=0)] = 1_000
    """Number of connections from one IPv4 address or one IPv6 /64. All clients behind a NAT share
    an address. Connections of trusted proxies are not counted."""
    header_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10
    """Time from a new connection, or from the first byte of a request, to the end of the request's
    headers."""
    header_bytes: Annotated[int, msgspec.Meta(gt=0)] = 64 * 1024
    """Size of all headers of a request; a line has at most 8190 bytes, and there are at most 100
    lines."""
    body_bytes_per_second: Annotated[int, msgspec.Meta(gt=0)] = 1024
    """Minimum rate of a request's body, on average over `body_seconds`."""
    body_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30
    """How long a client may stay below that rate."""
    send_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60
    """How long a client may read nothing of its answer."""
    unsent_bytes: Annotated[int, msgspec.Meta(gt=0)] = 64 * MIB
    """Size of all large bodies that clients have not read yet. A body that several clients wait for
    counts once; files from the disk do not count."""
    unsent_bytes_per_address: Annotated[int, msgspec.Meta(gt=0)] = 8 * MIB
    """The same for one address. A single body may be larger."""


class Accept(StrEnum):
    """Which distributions are accepted. Deceptive ones are always refused."""

    INSTALLABLE = "Installable"
    """Everything that installers can use; problems are stored as findings."""
    WELL_FORMED = "WellFormed"
    """Only files that follow the packaging specifications."""


class Uploads(SettingsPart, frozen=True):
    """Rules for uploads."""

    accept: Accept = Accept.INSTALLABLE


class Freshness(SettingsPart, frozen=True):
    """The maximum age of what readers see, in seconds. Writers always see the current state."""

    fresh_seconds: float = 0
    """While the storage answers. 0: never older than the request. More saves requests to S3."""
    stale_seconds: float = 3600
    """While the storage does not answer: known projects are served for this long, marked as
    stale."""


class LogFormat(StrEnum):
    """The format of a log line."""

    TEXT = "text"
    JSON = "json"


class RecordedAddresses(StrEnum):
    """What the fetch log has of a client's address."""

    FULL = "Full"
    NETWORK = "Network"
    """The /24 of an IPv4 address, the /48 of an IPv6 address."""
    NONE = "None"


MAX_FETCH_LOG_DAYS = 3660


class FetchLogSettings(SettingsPart, frozen=True):
    """The log of who fetched which file, in the storage."""

    days: Annotated[int, msgspec.Meta(ge=0, le=MAX_FETCH_LOG_DAYS)] = 90
    """Days before today that are kept; 0 keeps no log."""
    addresses: RecordedAddresses = RecordedAddresses.FULL


class Logs(SettingsPart, frozen=True):
    """The log, on stderr."""

    format: LogFormat = LogFormat.TEXT
    requests: bool = True
    """Whether every request is logged. The audit log always contains refusals and writes."""


class TracingSettings(SettingsPart, frozen=True):
    """Traces of requests, sent to an OpenTelemetry collector by OTLP over HTTP. Needs `wheelyard[tracing]`."""

    endpoint: str
    """URL of the collector, such as https://collector:4318. Spans are sent to `/v1/traces` below
    it."""
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """The share of requests that are traced, among those without a `traceparent` header."""

    def __post_init__(self) -> None:
        if not is_plain_url(self.endpoint):
            raise ValueError("`tracing.endpoint` must be a URL such as https://collector:4318")


class Redirect(SettingsPart, frozen=True):
    """How the clients of one listener reach S3."""

    endpoint: str = ""
    """URL of the S3 server for these clients; empty: that of `storage.s3`."""

    def __post_init__(self) -> None:
        if self.endpoint and not is_plain_url(self.endpoint):
            raise ValueError("`endpoint` must be empty or a URL such as https://s3.example.com")


class Redirects(SettingsPart, frozen=True):
    """Downloads of large files are redirected to S3, with presigned URLs."""

    min_bytes: Annotated[int, msgspec.Meta(ge=0)] = 100 * MIB
    """Size from which files are redirected. Files in memory never are."""
    cluster: Redirect | None = None
    """For clients of this listener; None does not redirect them."""
    external: Redirect | None = None

    def __post_init__(self) -> None:
        if self.cluster is None and self.external is None:
            raise ValueError(
                "`redirects` needs `cluster`, `external` or both: the listeners whose clients are redirected"
            )


class Performance(SettingsPart, frozen=True):
    """Settings that change the speed, never the answers."""

    fast_lane: bool = True
    """Whether pages and files that are ready are answered before aiohttp reads the request."""
    processes: Annotated[int, msgspec.Meta(gt=0)] = 1
    """Number of processes on the same ports. They divide the cache, the `limits` and, if there are
    enough, the processors. Each has its own metrics, at the ports from that of `listeners.metrics`
    upward."""


class Settings(SettingsPart, frozen=True):
    """The whole `index.yaml`."""

    storage: StorageSettings
    access_file: Path
    scratch_folder: Path
    """Folder in which uploads are received and checked; leftovers of a crash are removed at
    start."""
    cache: Cache | None = None
    """None: every client's file is read from the storage. A storage folder needs no cache."""
    index: str | None = None
    """`<namespace>/<name>` of the index that owns the storage; None serves the storage of any
    index."""
    listeners: Listeners = Listeners()
    limits: Limits = Limits()
    uploads: Uploads = Uploads()
    freshness: Freshness = Freshness()
    shutdown: Shutdown = Shutdown()
    logs: Logs = Logs()
    fetch_log: FetchLogSettings = FetchLogSettings()
    tracing: TracingSettings | None = None
    """None disables tracing."""
    redirects: Redirects | None = None
    """None disables redirects."""
    performance: Performance = Performance()
    upstreams: tuple[UpstreamSettings, ...] = ()
    """Other indexes, in order: the first that has a name owns it."""
    names: Names = Names()
    advisories: AdvisorySettings | None = None
    """None: there is no feed of advisories; what was loaded by hand counts."""
    egress: Egress = Egress()
    webhook: WebhookSettings | None = None
    """None sends no events."""
    web: WebSettings = WebSettings()
    policy_file: Path | None = None
    """Rules for the files of upstreams and of this index, see `settings/policy.py`; None: there are
    none."""

    @property
    def sessions_file(self) -> Path | None:
        """The file with the keys of sessions, which need not exist; None without pages.

        By default it is next to the access file, where the operator writes it. An older server
        would refuse a key for it, and a new key would replace the pods of every index.
        """
        if not self.web.enabled:
            return None
        return self.web.sessions_file or self.access_file.with_name(SESSIONS_FILE)

    def __post_init__(self) -> None:
        names = [upstream.name for upstream in self.upstreams]
        if len(set(names)) < len(names):
            raise ValueError("the names of `upstreams` must differ")
        if self.redirects is None:
            return
        if self.storage.s3 is None:
            raise ValueError("`redirects` needs `storage.s3`: files in a folder have no URL to redirect to")
        if self.redirects.external is not None and self.listeners.external is None:
            raise ValueError(
                "`redirects.external` needs `listeners.external`: without it there are no external clients"
            )


def parse(text: bytes) -> Settings:
    """Parse an `index.yaml`; raise an `InvalidSettingsError` that names the key."""
    return decode_yaml(text, Settings, "index.yaml")


def decode_yaml(text: bytes, wanted: type[T], filename: str, loader: YamlLoader = SAFE_LOADER) -> T:
    """Decode a file of the contract; raise an `InvalidSettingsError` that names the file and the key."""
    try:
        read = yaml.load(text, loader)  # noqa: S506 - all loaders here are safe ones
        return msgspec.convert(read, wanted, builtin_types=(datetime, date), dec_hook=_converted)
    except (msgspec.MsgspecError, yaml.YAMLError, ValueError, RecursionError) as error:
        # The YAML library raises plain errors for scalars such as an impossible date.
        raise InvalidSettingsError(f"{filename}: {explained(error, wanted, _PATTERNS)}") from error


def _converted(wanted: type, value: object) -> object:
    """Convert a scalar to one of the types that YAML does not know."""
    if issubclass(wanted, Scalar):
        return wanted.parse(value)
    if wanted is not Path or not isinstance(value, str):
        raise ValueError(f"not a {wanted.__name__}")
    return Path(value)
