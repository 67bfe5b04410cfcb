"""The operator's settings, from its environment: parsed once, in `__main__`."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from wheelyard_operator.durations import parse_duration
from wheelyard_operator.egress import EgressError, EgressSettings
from wheelyard_operator.patterns import AnnotationForm, PatternError, name_pattern
from wheelyard_operator.policy_minimum import MinimumError, PolicyMinimum

_CLOUDS = ("eks.amazonaws.com/*", "iam.gke.io/*", "azure.workload.identity/*")

JSON = "json"
_LOG_FORMATS = {JSON, "text"}
_MAX_KEY_OVERLAP_SECONDS = 86_400


class SettingsError(ValueError):
    """A variable of the environment is missing or invalid."""


@dataclass(frozen=True)
class Settings:
    """The operator's own settings. Endpoints have no trailing slash; "" stands for AWS."""

    image: str
    """The image of the index servers."""
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets for pulling it, which each index's namespace must have."""
    cluster_domain: str = "cluster.local"
    region: str = "us-east-1"
    """The region of every index that names none."""
    s3_endpoint: str = ""
    iam_endpoint: str = ""
    ca_bundle: str = ""
    """Certificates (PEM) of authorities to trust in addition to the public ones, also for index
    servers."""
    allowed_endpoints: tuple[str, ...] = ()
    """Other S3 endpoints that an index may name: the operator and the pods connect to no others."""
    allowed_buckets: tuple[str, ...] = ()
    """Patterns of buckets that the operator may create or unlock for an index."""
    allowed_annotations: tuple[str, ...] = _CLOUDS
    """Globs on KEY=VALUE: annotations for a role that an index may put on its ServiceAccount."""
    allowed_hosts: tuple[str, ...] = ()
    """Patterns of external hosts that an index may have."""
    allowed_ingress_annotations: tuple[AnnotationForm, ...] = ()
    """The annotations that an index may put on its Ingress."""
    namespaces: tuple[str, ...] = ()
    """The namespaces that the operator manages; empty for all."""
    allowed_issuers: tuple[str, ...] = ()
    """OpenID Connect issuers that users may trust: the operator fetches keys from no others."""
    egress: EgressSettings = field(default_factory=EgressSettings)
    """What indexes may use as upstreams."""
    policy_minimum: PolicyMinimum = field(default_factory=PolicyMinimum)
    """What the policy of every index has at least."""
    key_overlap_seconds: int = 60
    """How long the previous access key stays valid after every pod has the new one, and then
    deactivated."""
    health_endpoint: str = "http://0.0.0.0:8080/healthz"
    """The address of the liveness probe."""
    log_format: str = JSON
    """The format of log lines, also of index servers: `json` or `text`."""
    tracing_endpoint: str = ""
    """The OpenTelemetry collector for traces of index servers, OTLP over HTTP; "" for no traces."""
    tracing_ratio: float = 0.1
    """The ratio of traced requests, if the caller does not decide."""
    metrics_port: int = 9090
    """The port for Prometheus, on all addresses."""
    lease: str = ""
    """The name of the Lease whose holder leads. Empty if there is only one operator."""
    pod_namespace: str = ""
    """The namespace of the Lease and of this operator's pod."""
    pod_name: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Raise SettingsError, naming the variable."""
        image = environment.get("WHEELYARD_IMAGE", "")
        if not image:
            raise SettingsError("WHEELYARD_IMAGE is not set: it names the image of the index servers.")
        endpoint = environment.get("AWS_ENDPOINT_URL", "")
        return cls(
            image=image,
            image_pull_policy=_pull_policy(environment.get("WHEELYARD_IMAGE_PULL_POLICY") or cls.image_pull_policy),
            image_pull_secrets=_listed(environment.get("WHEELYARD_IMAGE_PULL_SECRETS", "")),
            cluster_domain=environment.get("WHEELYARD_CLUSTER_DOMAIN") or cls.cluster_domain,
            region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or cls.region,
            s3_endpoint=plain_endpoint(environment.get("AWS_ENDPOINT_URL_S3") or endpoint),
            iam_endpoint=plain_endpoint(environment.get("AWS_ENDPOINT_URL_IAM") or endpoint),
            ca_bundle=_certificates(environment.get("WHEELYARD_CA_BUNDLE", "")),
            allowed_endpoints=tuple(
                plain_endpoint(each) for each in _listed(environment.get("WHEELYARD_ALLOWED_ENDPOINTS", ""))
            ),
            allowed_buckets=_names(environment, "WHEELYARD_ALLOWED_BUCKETS"),
            allowed_annotations=_listed(environment.get("WHEELYARD_ALLOWED_ANNOTATIONS", ",".join(_CLOUDS))),
            allowed_hosts=_names(environment, "WHEELYARD_ALLOWED_HOSTS"),
            allowed_ingress_annotations=_forms(environment, "WHEELYARD_ALLOWED_INGRESS_ANNOTATIONS"),
            namespaces=_listed(environment.get("WHEELYARD_NAMESPACES", "")),
            allowed_issuers=_listed(environment.get("WHEELYARD_ALLOWED_ISSUERS", "")),
            egress=_egress(environment),
            policy_minimum=_policy_minimum(environment),
            key_overlap_seconds=_key_overlap(
                environment.get("WHEELYARD_KEY_OVERLAP") or f"{cls.key_overlap_seconds}s"
            ),
            health_endpoint=environment.get("WHEELYARD_HEALTH_ENDPOINT") or cls.health_endpoint,
            log_format=_log_format(environment.get("WHEELYARD_LOG_FORMAT") or cls.log_format),
            tracing_endpoint=_collector(environment.get("WHEELYARD_TRACING_ENDPOINT", "")),
            tracing_ratio=_ratio(environment.get("WHEELYARD_TRACING_RATIO") or str(cls.tracing_ratio)),
            metrics_port=_port(environment.get("WHEELYARD_METRICS_PORT") or str(cls.metrics_port)),
            lease=environment.get("WHEELYARD_LEASE", ""),
            **_pod(environment),
        )

    def allows_annotation(self, key: str, value: str) -> bool:
        """Return whether an index may put this on its ServiceAccount."""
        return any(fnmatchcase(f"{key}={value}", allowed) for allowed in self.allowed_annotations)

    def trusts(self, issuer: str) -> bool:
        """Return whether users may trust what this issuer signs."""
        return issuer in self.allowed_issuers


def plain_endpoint(url: str) -> str:
    """Return an endpoint in the form for comparing: lowercase, without a trailing slash."""
    return url.strip().rstrip("/").lower()


def _pull_policy(value: str) -> str:
    if value not in {"Always", "IfNotPresent", "Never"}:
        raise SettingsError(f"WHEELYARD_IMAGE_PULL_POLICY is {value!r}: it must be Always, IfNotPresent or Never.")
    return value


def _log_format(value: str) -> str:
    if value not in _LOG_FORMATS:
        raise SettingsError(f"WHEELYARD_LOG_FORMAT is {value!r}: it must be json or text.")
    return value


def _certificates(text: str) -> str:
    # Comments between certificates may have other letters, which OpenSSL does not accept.
    text = text.strip().encode("ascii", "replace").decode()
    if text:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
        except ssl.SSLError as error:
            raise SettingsError(f"WHEELYARD_CA_BUNDLE must be certificates in PEM: {error}") from error
    return text


def _collector(url: str) -> str:
    if url and not _is_plain(url):
        # It may contain a password, which must not be logged.
        raise SettingsError("WHEELYARD_TRACING_ENDPOINT must be a URL such as https://collector:4318.")
    return url.rstrip("/")


def _is_plain(url: str) -> bool:
    """Return whether this is the URL of a server, with at most a path."""
    try:
        parts = urlsplit(url)
        has_server = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_server and parts.scheme in {"http", "https"} and not set("@?#") & set(url)


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1
    if not 0 <= ratio <= 1:
        raise SettingsError(f"WHEELYARD_TRACING_RATIO is {text!r}: it must be a number from 0 to 1.")
    return ratio


def _port(text: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"WHEELYARD_METRICS_PORT is {text!r}: it must be a port.")
    return int(text)


def _key_overlap(text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise SettingsError(f"WHEELYARD_KEY_OVERLAP (aws.keyOverlap): {error}.") from error
    if seconds > _MAX_KEY_OVERLAP_SECONDS:
        raise SettingsError(f"WHEELYARD_KEY_OVERLAP (aws.keyOverlap) is {text}: it must be from 0s to 1d.")
    return seconds


def _pod(environment: Mapping[str, str]) -> dict[str, str]:
    names = {"pod_namespace": "WHEELYARD_POD_NAMESPACE", "pod_name": "WHEELYARD_POD_NAME"}
    pod = {field: environment.get(name, "") for field, name in names.items()}
    missing = [names[field] for field, value in pod.items() if not value]
    if environment.get("WHEELYARD_LEASE") and missing:
        raise SettingsError(
            f"{' and '.join(missing)} must be set if WHEELYARD_LEASE is: they name its holder and namespace."
        )
    return pod


def _egress(environment: Mapping[str, str]) -> EgressSettings:
    try:
        return EgressSettings.from_environment(environment)
    except EgressError as error:
        raise SettingsError(f"The Helm chart's {error}.") from error


def _policy_minimum(environment: Mapping[str, str]) -> PolicyMinimum:
    try:
        return PolicyMinimum.from_environment(environment)
    except MinimumError as error:
        raise SettingsError(f"The Helm chart's policy.minimum.{error}.") from error


def _names(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Return patterns of names; without any, no name is allowed."""
    try:
        return tuple(name_pattern(each) for each in _listed(environment.get(name, "")))
    except PatternError as error:
        raise SettingsError(f"{name}: {error}") from error


def _forms(environment: Mapping[str, str], name: str) -> tuple[AnnotationForm, ...]:
    """Return the allowed annotations, a JSON list; without it, none is allowed."""
    try:
        bodies = json.loads(environment.get(name) or "[]")
        return tuple(AnnotationForm.parse(each) for each in bodies)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{name} must be a JSON list of names and values: {error}") from error


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())
