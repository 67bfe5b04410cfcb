"""A PackageIndex, and the names of everything that the operator creates for it."""

from dataclasses import dataclass

from wheelyard_operator.durations import parse_duration
from wheelyard_operator.resource.access import Grant, Maximum
from wheelyard_operator.resource.admission import NamespaceAdmission
from wheelyard_operator.resource.external import External
from wheelyard_operator.resource.meta import (
    BUCKET_FINALIZER,
    END_SESSIONS_ANNOTATION,
    FINALIZER,
    GROUP,
    Manifest,
    Meta,
)
from wheelyard_operator.resource.monitor import Monitor
from wheelyard_operator.resource.network import Network
from wheelyard_operator.resource.pods import Autoscaling, Pods
from wheelyard_operator.resource.policy import Policy
from wheelyard_operator.resource.records import AdvisoryFeed, FetchLog
from wheelyard_operator.resource.renamed import RenamedField, renamed_fields
from wheelyard_operator.resource.storage import S3Storage, VolumeStorage
from wheelyard_operator.resource.upstreams import Upstream
from wheelyard_operator.resource.web import Web
from wheelyard_operator.resource.webhook import Webhook
from wheelyard_operator.sizes import parse_size

DEFAULT_ACCEPT = "Installable"
"""The default of index servers."""


@dataclass(frozen=True)
class Redirects:
    """The listeners whose downloads of large files are redirected to S3.

    Each has the endpoint for its clients, "" for the endpoint of the index servers.
    """

    min_bytes: int
    cluster: str | None
    """None if they are not redirected."""
    external: str | None

    @classmethod
    def parse(cls, body: Manifest) -> "Redirects":
        """Take it from `spec.redirects`."""
        cluster, external = (
            body[each].get("endpoint", "") if each in body else None for each in ("cluster", "external")
        )
        return cls(parse_size(body.get("minSize", "100Mi")), cluster, external)


@dataclass(frozen=True)
class Serving:
    """How the index servers serve."""

    fresh_seconds: int
    stale_seconds: int
    file_bytes: int
    metadata_bytes: int
    project_files: int
    accept: str
    """Which uploads are accepted: Installable or WellFormed."""
    cache_bytes: int
    redirects: Redirects | None
    """None if no download is redirected."""
    mirrored_bytes: int | None
    """The size of all files of upstreams that are kept; None is unlimited."""

    @classmethod
    def parse(cls, spec: Manifest) -> "Serving":
        """Take it from `spec`."""
        freshness, limits = spec.get("freshness", {}), spec.get("limits", {})
        return cls(
            fresh_seconds=parse_duration(freshness.get("fresh", "0s")),
            stale_seconds=parse_duration(freshness.get("stale", "1h")),
            file_bytes=parse_size(limits.get("fileSize", "5Gi")),
            metadata_bytes=parse_size(limits.get("metadataSize", "2Mi")),
            project_files=limits.get("projectFiles", 20_000),
            accept=spec.get("uploads", {}).get("accept", DEFAULT_ACCEPT),
            cache_bytes=parse_size(spec.get("cache", {}).get("size", "5Gi")),
            redirects=Redirects.parse(spec["redirects"]) if "redirects" in spec else None,
            mirrored_bytes=parse_size(limits["mirroredSize"]) if limits.get("mirroredSize") else None,
        )


@dataclass(frozen=True)
class PackageIndex:
    """One package index."""

    meta: Meta
    storage: S3Storage | VolumeStorage
    delete_storage: bool
    """Whether the storage is deleted with the index."""
    serving: Serving
    replicas: int
    autoscaling: Autoscaling | None
    """If set, `replicas` is ignored."""
    pods: Pods
    external: External
    network: Network | None
    """None if the operator creates no NetworkPolicy."""
    monitor: Monitor | None
    grants: tuple[Grant, ...]
    external_grants: tuple[Grant, ...]
    """On the external listener these replace the anonymous rights of `grants`."""
    admission: NamespaceAdmission
    maximum: Maximum
    """Limits the rights that users of other namespaces give themselves."""
    upstreams: tuple[Upstream, ...]
    """Other indexes, in order: the first that has a name owns it."""
    private_names: tuple[str, ...]
    """Globs on names that no upstream is asked for."""
    feed: AdvisoryFeed | None
    """None if no advisories are fetched."""
    fetch_log: FetchLog
    webhook: Webhook | None
    """None if no events are sent."""
    web: Web
    policy: Policy | None
    """None for an index without upstreams that has no policy: it has no policy file."""
    renamed: tuple[RenamedField, ...]
    """Fields that it still has under their old names."""
    status: Manifest

    @classmethod
    def parse(cls, body: Manifest) -> "PackageIndex":
        """Take it from an answer of the API server, whose schema has checked it."""
        spec = body["spec"]
        access = spec.get("access", {})
        users = access.get("users", {})
        annotations = body["metadata"].get("annotations", {})
        return cls(
            meta=Meta.parse(body),
            storage=_storage(body),
            delete_storage=spec.get("deletionPolicy", "Retain") == "Delete",
            serving=Serving.parse(spec),
            replicas=spec.get("replicas", 2),
            autoscaling=Autoscaling.parse(spec["autoscaling"]) if "autoscaling" in spec else None,
            pods=Pods.parse(spec),
            external=External.parse(spec),
            network=Network.parse(spec["networkPolicy"]) if "networkPolicy" in spec else None,
            monitor=_monitor(spec.get("monitoring", {})),
            grants=tuple(Grant.parse(each) for each in access.get("grants", ())),
            external_grants=tuple(Grant.parse(each) for each in access.get("externalGrants", ())),
            admission=NamespaceAdmission.parse(users.get("namespaces", {})),
            maximum=Maximum.parse(users.get("maximum", {})),
            upstreams=tuple(Upstream.parse(each) for each in spec.get("upstreams", ())),
            private_names=tuple(spec.get("names", {}).get("private", ())),
            feed=AdvisoryFeed.of_index(spec),
            fetch_log=FetchLog.parse(spec.get("fetchLog", {})),
            webhook=Webhook.parse(spec["webhook"]) if "webhook" in spec else None,
            web=Web.parse(spec.get("web", {}), annotations.get(END_SESSIONS_ANNOTATION, "")),
            policy=Policy.parse(spec.get("policy", {})) if "policy" in spec or spec.get("upstreams") else None,
            renamed=renamed_fields(body),
            status=body.get("status", {}),
        )

    @property
    def id(self) -> str:
        """`<namespace>/<name>`, as in wheelyard.json in the bucket."""
        return f"{self.meta.namespace}/{self.meta.name}"

    @property
    def ignored_globs(self) -> tuple[str, ...]:
        """Globs of its grants and of its maximum that have no effect."""
        every = (*self.grants, *self.external_grants, *self.maximum.grants)
        return tuple(glob for grant in every for glob in grant.ignored)

    @property
    def audience(self) -> str:
        """The audience of signed tokens, so that a token for another service does not work here."""
        return f"{GROUP}/{self.id}"

    @property
    def child_name(self) -> str:
        """The name of all its children except Secrets."""
        return f"wheelyard-{self.meta.name}"

    @property
    def min_replicas(self) -> int:
        """The number of index servers that always run."""
        return self.autoscaling.min_replicas if self.autoscaling else self.replicas

    @property
    def access_secret_name(self) -> str:
        """The Secret with the access file."""
        return f"{self.child_name}-access"

    @property
    def policy_configmap_name(self) -> str:
        """The ConfigMap with the policy file."""
        return f"{self.child_name}-policy"

    @property
    def other_hosts(self) -> frozenset[str]:
        """The hosts of the webhook and of the feed of advisories, in the form of `allowed_form`."""
        return frozenset(each.host for each in (self.webhook, self.feed) if each)

    @property
    def made_secret_name(self) -> str:
        """The Secret with the S3 credentials that the operator creates."""
        return f"{self.child_name}-storage"

    @property
    def tokens_secret_name(self) -> str:
        """The Secret with the tokens of CodeArtifact that the operator fetches."""
        return f"{self.child_name}-upstreams"

    @property
    def upstream_secret_names(self) -> frozenset[str]:
        """The Secrets with credentials that upstreams name."""
        named = (each.credentials.secret_name for each in self.upstreams if each.credentials)
        return frozenset(name for name in named if name)

    @property
    def storage_secret_name(self) -> str:
        """The Secret with the S3 credentials in use: the one that the index names, or the created one."""
        given = self.storage.secret_name if isinstance(self.storage, S3Storage) else ""
        return given or self.made_secret_name

    @property
    def has_user(self) -> bool:
        """Return whether the operator creates an IAM user for it."""
        return isinstance(self.storage, S3Storage) and self.storage.provision_user

    @property
    def finalizers(self) -> tuple[str, ...]:
        """The finalizers for what the garbage collector of Kubernetes cannot remove."""
        bucket_goes = self.delete_storage and isinstance(self.storage, S3Storage)
        return (*([BUCKET_FINALIZER] if bucket_goes else []), *([FINALIZER] if self.has_user else []))

    def host(self, cluster_domain: str) -> str:
        """Return the DNS name of the Service in the cluster."""
        return f"{self.child_name}.{self.meta.namespace}.svc.{cluster_domain}"

    def cluster_url(self, cluster_domain: str) -> str:
        """Return the root of the index in the cluster; `simple/` and `legacy/` are below it."""
        return f"http://{self.host(cluster_domain)}/"

    def url(self, cluster_domain: str) -> str:
        """Return the index's public root: the external one if the index is exposed, else the one in the cluster."""
        return self.external.url or self.cluster_url(cluster_domain)


def _monitor(monitoring: Manifest) -> Monitor | None:
    return Monitor.parse(monitoring["serviceMonitor"]) if "serviceMonitor" in monitoring else None


def _storage(body: Manifest) -> S3Storage | VolumeStorage:
    storage = body["spec"]["storage"]
    if "volume" in storage:
        return VolumeStorage.parse(storage["volume"])
    return S3Storage.parse(storage["s3"], body["metadata"].get("annotations", {}))
