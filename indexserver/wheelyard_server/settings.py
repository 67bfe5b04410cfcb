"""The server's settings: `index.yaml`, see docs/contract.md.

Unknown keys are refused, so that a typing error, or a file made for a newer server, is seen at once.
"""

import re
import ssl
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import msgspec

from wheelyard_server.errors import InvalidSettingsError

MIB = 1024**2
GIB = 1024**3

_MAX_PATH_LENGTH = 200
_PUBLIC_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")
"""What can be part of any URL as it is, and of any page."""

_ORIGIN = re.compile(r"\*|https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?")
"""As browsers write it: in lower case, without a path."""

T = TypeVar("T")


def is_public_path(path: str) -> bool:
    """Return whether this is a path that an index can be served at, "" for the root."""
    return len(path) <= _MAX_PATH_LENGTH and _PUBLIC_PATH.fullmatch(path) is not None


class _Settings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    pass


class S3(_Settings, frozen=True):
    """A bucket, or the part of it under `prefix`."""

    bucket: str
    prefix: str = ""
    """Empty, or ends in a slash."""
    region: str = ""
    """Empty means: from AWS_REGION, AWS_DEFAULT_REGION, else us-east-1."""
    endpoint: str = ""
    """URL of an S3-compatible server; empty means AWS, or AWS_ENDPOINT_URL where that is set."""
    ca_bundle: str = ""
    """Certificates (PEM) of authorities that are trusted besides the public ones."""

    def __post_init__(self) -> None:
        if self.ca_bundle:
            try:
                # Comments between them may have any letters.
                text = self.ca_bundle.encode("ascii", "replace").decode()
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
            except ssl.SSLError as error:
                raise ValueError(f"`caBundle` must be certificates in PEM: {error}") from error


class Folder(_Settings, frozen=True):
    """A local folder: one server process, or several on the same machine."""

    path: Path


class StorageSettings(_Settings, frozen=True):
    """Where everything is kept: exactly one of the fields."""

    s3: S3 | None = None
    folder: Folder | None = None

    def __post_init__(self) -> None:
        if (self.s3 is None) == (self.folder is None):
            raise ValueError("exactly one of `s3` and `folder` is needed")


class Cache(_Settings, frozen=True):
    """Files that were read from S3, kept on a local disk."""

    folder: Path
    """Of one server process alone. What is there at start is used."""
    max_bytes: Annotated[int, msgspec.Meta(gt=0)] = 10 * GIB


class Listener(StrEnum):
    """Who a connection is for: each listener has its own grants for anonymous and its own redirects."""

    CLUSTER = "cluster"
    """Clients inside, such as the pods of a cluster."""
    EXTERNAL = "external"
    """Clients that come through an Ingress or HTTPRoute."""


class ListenAddress(_Settings, frozen=True):
    """An address to accept connections at."""

    host: str = "127.0.0.1"
    port: int = 8080
    trusted_proxies: tuple[str, ...] = ()
    """Networks such as 10.0.0.0/8 whose word counts on who a client is (`X-Forwarded-For`) and at which path they
    serve the index (`X-Forwarded-Prefix`). Empty: nobody's."""
    path: str = ""
    """Where a proxy serves the index that takes this path away, such as /team/pypi; "" is the root of its host."""

    allowed_origins: tuple[str, ...] = ()
    """Sites whose pages may read what anonymous may (CORS), such as https://notebooks.example.com; "*" is all."""

    def __post_init__(self) -> None:
        self.networks()
        if not is_public_path(self.path):
            raise ValueError("`path` must be empty or a path such as /team/pypi, without a slash at its end")
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("`allowedOrigins` must have * or origins such as https://notebooks.example.com")

    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the networks of the trusted proxies."""
        return tuple(ip_network(each, strict=False) for each in self.trusted_proxies)


class Listeners(_Settings, frozen=True):
    """The server's listeners, by who they are for: each has grants of its own for anonymous."""

    cluster: ListenAddress = ListenAddress()
    """For clients inside, such as the pods of a cluster."""
    external: ListenAddress | None = None
    """For clients that come through an Ingress or HTTPRoute; None listens on one address only."""
    metrics: ListenAddress | None = None
    """For Prometheus and the operator; None tells nobody."""


class Shutdown(_Settings, frozen=True):
    """What happens after SIGTERM, in seconds."""

    drain_seconds: float = 5
    """Not ready any more, but still accepting, until load balancers have noticed."""
    grace_seconds: float = 300
    """Running requests may end within this time."""


class Limits(_Settings, frozen=True):
    """What is too much."""

    file_bytes: int = 5 * GIB
    """Size of one distribution file."""
    metadata_bytes: int = 2 * MIB
    """Size of the METADATA or PKG-INFO of a distribution file."""
    project_files: int = 20_000
    """Files of one project."""
    uploads: Annotated[int, msgspec.Meta(gt=0)] = 100
    """Uploads that one server receives at a time; further ones are told to come back."""
    scratch_bytes: Annotated[int, msgspec.Meta(gt=0)] = 20 * GIB
    """Size of all uploads that one server receives at a time. One is taken even if it is larger."""
    connections: Annotated[int, msgspec.Meta(gt=0)] = 5_000
    """Connections to one server. It takes fewer where the process may not open twice as many files."""
    connections_per_address: Annotated[int, msgspec.Meta(gt=0)] = 1_000
    """Connections from one IPv4 address or one IPv6 /64. A NAT is one address for many clients; so is a proxy, and
    those of a trusted one are not counted."""
    header_seconds: Annotated[float, msgspec.Meta(gt=0)] = 10
    """From the first byte of a request, or from a new connection, to the end of the request's headers."""
    header_bytes: Annotated[int, msgspec.Meta(gt=0)] = 64 * 1024
    """Size of a request's headers together; one line has at most 8190 bytes, and there are at most 100."""
    body_bytes_per_second: Annotated[int, msgspec.Meta(gt=0)] = 1024
    """How fast a request's body must come, on average over every `body_seconds`."""
    body_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30
    """How long a client may send less than that."""
    send_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60
    """How long a client may take nothing of its answer."""
    unsent_bytes: Annotated[int, msgspec.Meta(gt=0)] = 64 * MIB
    """Large bodies of answers that clients have not taken yet, together. A body that many wait for counts once, and
    files from the disk do not count."""
    unsent_bytes_per_address: Annotated[int, msgspec.Meta(gt=0)] = 8 * MIB
    """The same for one address. One body is sent even if it is larger."""


class Accept(StrEnum):
    """Which distributions are taken. What deceives installers or people is refused in any case."""

    INSTALLABLE = "Installable"
    """What installers use. What is wrong with it is marked."""
    WELL_FORMED = "WellFormed"
    """Only what is as the packaging specifications have it."""


class Uploads(_Settings, frozen=True):
    """What is taken of those who publish."""

    accept: Accept = Accept.INSTALLABLE


class Freshness(_Settings, frozen=True):
    """How old an answer to a reader may be, in seconds."""

    fresh_seconds: float = 0
    """While the storage is well. 0: never older than the request; more saves requests to S3."""
    stale_seconds: float = 3600
    """While the storage does not answer: known projects are shown for so long, marked as stale."""


class LogFormat(StrEnum):
    """What a line of the log looks like."""

    TEXT = "text"
    JSON = "json"


class Logs(_Settings, frozen=True):
    """The log, on stderr."""

    format: LogFormat = LogFormat.TEXT
    requests: bool = True
    """A line for every request. Refusals and writes are in the audit log in any case."""


class TracingSettings(_Settings, frozen=True):
    """Traces of requests, sent to an OpenTelemetry collector by OTLP over HTTP. Needs `wheelyard[tracing]`."""

    endpoint: str
    """URL of the collector, such as https://collector:4318. What is sent goes to `/v1/traces` below it."""
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """The part that is traced of the requests whose callers do not say (`traceparent`)."""

    def __post_init__(self) -> None:
        if not _is_plain(self.endpoint):
            raise ValueError("`tracing.endpoint` must be a URL such as https://collector:4318")


class Redirect(_Settings, frozen=True):
    """Clients of a listener are sent to S3."""

    endpoint: str = ""
    """URL of the S3 server, as these clients know it. Empty: that of `storage.s3`."""

    def __post_init__(self) -> None:
        if self.endpoint and not _is_plain(self.endpoint):
            raise ValueError("`endpoint` must be empty or a URL such as https://s3.example.com")


class Redirects(_Settings, frozen=True):
    """Large files come from S3 itself: their downloads are answered with presigned URLs."""

    min_bytes: Annotated[int, msgspec.Meta(ge=0)] = 100 * MIB
    """Size of the smallest. What is in memory comes from there all the same."""
    cluster: Redirect | None = None
    """Of clients of this listener; None sends them nowhere."""
    external: Redirect | None = None

    def __post_init__(self) -> None:
        if self.cluster is None and self.external is None:
            raise ValueError("`redirects` needs `cluster`, `external` or both: whose clients are sent to S3")


class Performance(_Settings, frozen=True):
    """How it is served, never what."""

    fast_lane: bool = True
    """Hot pages and files are answered before aiohttp reads the request; with the same answers."""
    processes: Annotated[int, msgspec.Meta(gt=0)] = 1
    """That serve on the same ports. Each has its part of the cache, of `limits` and of the processors, if there are
    as many, and metrics of its own, at the ports that follow that of `listeners.metrics`."""


class Settings(_Settings, frozen=True):
    """All of `index.yaml`."""

    storage: StorageSettings
    access_file: Path
    scratch_folder: Path
    """Uploads are received and checked here; what is left from a crash is removed at start."""
    cache: Cache | None = None
    """None reads every file from the storage for every client. A storage folder needs none."""
    index: str | None = None
    """`<namespace>/<name>`: whose storage it is. None serves whatever is there."""
    listeners: Listeners = Listeners()
    limits: Limits = Limits()
    uploads: Uploads = Uploads()
    freshness: Freshness = Freshness()
    shutdown: Shutdown = Shutdown()
    logs: Logs = Logs()
    tracing: TracingSettings | None = None
    """None traces nothing."""
    redirects: Redirects | None = None
    """None sends every file itself."""
    performance: Performance = Performance()

    def __post_init__(self) -> None:
        if self.redirects is None:
            return
        if self.storage.s3 is None:
            raise ValueError("`redirects` needs `storage.s3`: from a folder there is nowhere to send clients to")
        if self.redirects.external is not None and self.listeners.external is None:
            raise ValueError("`redirects.external` needs `listeners.external`: else nobody comes that way")


def parse(text: bytes) -> Settings:
    """Parse the text of an `index.yaml`; raise `InvalidSettingsError` that names the key."""
    return decode_yaml(text, Settings, "index.yaml")


def decode_yaml(text: bytes, wanted: type[T], filename: str) -> T:
    """Decode a file of the contract; raise `InvalidSettingsError` that names the file and the key."""
    try:
        return msgspec.yaml.decode(text, type=wanted, dec_hook=_to_path)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # YAML itself raises plain errors for scalars such as an impossible date.
        raise InvalidSettingsError(f"{filename}: {error}") from error


def _is_plain(url: str) -> bool:
    """Return whether this is the URL of a server, with no more than a path."""
    try:
        parts = urlsplit(url)
        has_server = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_server and parts.scheme in {"http", "https"} and not set("@?#") & set(url)


def _to_path(wanted: type, value: object) -> Path:
    """Make the one type that YAML does not know."""
    if wanted is not Path or not isinstance(value, str):
        raise ValueError(f"not a {wanted.__name__}")
    return Path(value)
