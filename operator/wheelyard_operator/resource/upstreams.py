"""The upstreams of an index: other indexes whose projects it serves, too."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from wheelyard_operator.durations import parse_duration
from wheelyard_operator.egress import PYPI, WORDS
from wheelyard_operator.resource.meta import Manifest

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class CodeArtifact:
    """A domain of AWS CodeArtifact, for which the operator fetches tokens."""

    domain: str
    domain_owner: str
    """The number of the AWS account that owns the domain."""
    region: str
    role_arn: str
    """The role that the operator assumes, "" for the index's own access key."""

    @classmethod
    def parse(cls, body: Manifest) -> "CodeArtifact":
        """Take it from `credentials.codeArtifact` of an upstream."""
        return cls(body["domain"], body["domainOwner"], body["region"], body.get("roleARN", ""))


@dataclass(frozen=True)
class UpstreamCredentials:
    """The credentials for an upstream: a Secret of the index's namespace, or tokens of CodeArtifact."""

    secret_name: str = ""
    """"" without a Secret."""
    code_artifact: CodeArtifact | None = None
    for_files: bool = False
    """Whether the file hosts get them, too."""

    @classmethod
    def parse(cls, body: Manifest) -> "UpstreamCredentials":
        """Take it from `credentials` of an upstream."""
        return cls(
            body.get("secretRef", {}).get("name", ""),
            CodeArtifact.parse(body["codeArtifact"]) if "codeArtifact" in body else None,
            body.get("forFiles", False),
        )


@dataclass(frozen=True)
class Upstream:
    """Another index."""

    name: str
    url: str
    """"" for PyPI."""
    packages: tuple[str, ...]
    file_hosts: tuple[str, ...]
    credentials: UpstreamCredentials | None
    ca_bundle: str
    fresh_seconds: int
    stale_seconds: int
    absent_on: tuple[int, ...]
    offline: bool

    @classmethod
    def parse(cls, body: Manifest) -> "Upstream":
        """Take it from an item of `spec.upstreams`."""
        freshness = body.get("freshness", {})
        return cls(
            name=body["name"],
            url=body.get("url", ""),
            packages=tuple(body.get("packages", ("*",))),
            file_hosts=tuple(body.get("fileHosts", ())),
            credentials=UpstreamCredentials.parse(body["credentials"]) if "credentials" in body else None,
            ca_bundle=body.get("caBundle", ""),
            fresh_seconds=parse_duration(freshness.get("fresh", "10m")),
            stale_seconds=parse_duration(freshness.get("stale", "24h")),
            absent_on=tuple(body.get("absentOn", ())),
            offline=body.get("offline", False),
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that must be allowed, in the form of `allowed_form`."""
        own = allowed_form(self.url) if self.url else PYPI
        return tuple(dict.fromkeys((own, *map(allowed_form, self.file_hosts))))

    @property
    def code_artifact(self) -> CodeArtifact | None:
        """The domain for which tokens are fetched, None if it needs none."""
        return self.credentials.code_artifact if self.credentials else None


def allowed_form(address: str) -> str:
    """Return a URL or `host[:port]` as the list of allowed hosts has it.

    That is `host` or `host:port`, without the port that the scheme implies, and with `http://`
    before it if the connection is not encrypted. A host named pypi or osv has its port, because the
    words alone mean PyPI and OSV.
    """
    parts = urlsplit(address if "://" in address else f"https://{address}")
    host, port = parts.hostname or "", port_of(address)
    implied = port == _PORTS[parts.scheme] and host not in WORDS
    return f"{'http://' if parts.scheme == 'http' else ''}{host}{'' if implied else f':{port}'}"


def port_of(address: str) -> int:
    """Return the port of a URL or of `host[:port]`."""
    parts = urlsplit(address if "://" in address else f"https://{address}")
    return parts.port or _PORTS[parts.scheme]


def server_form(host: str) -> str:
    """Return a host of `allowed_form` as index servers have it: without the scheme."""
    return host.removeprefix("http://")
