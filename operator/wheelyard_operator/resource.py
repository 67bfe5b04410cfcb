"""The custom resources as frozen values, and the names of everything that is made for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

GROUP = "wheelyard.dev"
VERSION = "v1"
API_VERSION = f"{GROUP}/{VERSION}"
INDEX = "PackageIndex"
USER = "IndexUser"
FINALIZER = f"{GROUP}/cleanup"

INDEX_LABEL = f"{GROUP}/index"
INDEX_NAMESPACE_LABEL = f"{GROUP}/index-namespace"
USER_LABEL = f"{GROUP}/user"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
OPERATOR = "wheelyard-operator"

Manifest = dict[str, Any]
"""A Kubernetes object as the API speaks it."""


class Key(NamedTuple):
    """What one reconciliation is about."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Meta:
    """The part of an object's metadata that anybody here looks at."""

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    created: str
    deleting: bool
    finalizers: tuple[str, ...]
    resource_version: str

    @classmethod
    def parse(cls, body: Manifest) -> Meta:
        """Take it from an object as the API gave it."""
        metadata = body["metadata"]
        return cls(
            kind=body["kind"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            created=metadata.get("creationTimestamp", ""),
            deleting="deletionTimestamp" in metadata,
            finalizers=tuple(metadata.get("finalizers", ())),
            resource_version=metadata.get("resourceVersion", ""),
        )

    @property
    def key(self) -> Key:
        """The key that reconciles it."""
        return Key(self.kind, self.namespace, self.name)


@dataclass(frozen=True)
class Grant:
    """Rights on packages; the subjects of an IndexUser's own grants are that user."""

    subjects: tuple[str, ...]
    packages: tuple[str, ...]
    verbs: tuple[str, ...]

    @classmethod
    def parse(cls, body: Manifest, subjects: tuple[str, ...] = ()) -> Grant:
        """Take it from a resource."""
        return cls(
            subjects=subjects or tuple(body["subjects"]),
            packages=tuple(body.get("packages", ["*"])),
            verbs=tuple(body["verbs"]),
        )


@dataclass(frozen=True)
class LabelSelector:
    """Kubernetes' own kind of label selector."""

    labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    @classmethod
    def parse(cls, body: Manifest) -> LabelSelector:
        """Take it from a resource."""
        return cls(
            labels=tuple(body.get("matchLabels", {}).items()),
            expressions=tuple(
                (each["key"], each["operator"], tuple(each.get("values", ())))
                for each in body.get("matchExpressions", ())
            ),
        )

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether an object with these labels is selected; an empty selector selects everything."""
        return all(labels.get(key) == value for key, value in self.labels) and all(
            _holds(labels, *expression) for expression in self.expressions
        )


def _holds(labels: dict[str, str], key: str, operator: str, values: tuple[str, ...]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            # The schema knows no other. Should one ever come, it must not let anybody in.
            return False


@dataclass(frozen=True)
class Consent:
    """The namespaces whose IndexUsers an index accepts, besides its own: Same | All | Selector."""

    source: str = "Same"
    selector: LabelSelector = LabelSelector()

    @classmethod
    def parse(cls, body: Manifest) -> Consent:
        """Take it from `spec.access.users.namespaces`."""
        return cls(body.get("from", "Same"), LabelSelector.parse(body.get("selector", {})))

    def admits(self, home: str, namespace: str, labels: dict[str, str] | None) -> bool:
        """Whether users of a namespace with these labels (None: it is gone) may use an index in `home`."""
        if namespace == home or self.source == "All":
            return True
        return self.source == "Selector" and labels is not None and self.selector.matches(labels)


@dataclass(frozen=True)
class S3Storage:
    """Where an index keeps everything."""

    bucket: str
    region: str
    """"" is the operator's."""
    prefix: str
    """"" or ends in "/"."""
    endpoint: str
    """"" is the operator's, which is AWS unless it was told otherwise."""
    provision_bucket: bool
    provision_user: bool
    secret_name: str
    """The Secret with the credentials, if the operator does not make them itself, else ""."""

    @classmethod
    def parse(cls, body: Manifest) -> S3Storage:
        """Take it from `spec.storage.s3`."""
        provision = body.get("provision", {})
        return cls(
            bucket=body["bucket"],
            region=body.get("region", ""),
            prefix=body.get("prefix", ""),
            endpoint=body.get("endpoint", ""),
            provision_bucket=provision.get("bucket", False),
            provision_user=provision.get("user", False),
            secret_name=body.get("credentials", {}).get("secretRef", {}).get("name", ""),
        )


_UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def parse_bytes(quantity: str) -> int:
    """Give the number of bytes of a quantity such as 5Gi; the schema allows no other units."""
    unit = _UNITS.get(quantity[-2:])
    return int(quantity[:-2]) * unit if unit else int(quantity)


@dataclass(frozen=True)
class Serving:
    """How the index servers serve."""

    fresh_seconds: int
    stale_seconds: int
    file_bytes: int
    metadata_bytes: int
    project_files: int
    cache_bytes: int

    @classmethod
    def parse(cls, spec: Manifest) -> Serving:
        """Take it from `spec`."""
        freshness, limits = spec.get("freshness", {}), spec.get("limits", {})
        return cls(
            fresh_seconds=freshness.get("freshSeconds", 0),
            stale_seconds=freshness.get("staleSeconds", 3600),
            file_bytes=parse_bytes(limits.get("fileSize", "5Gi")),
            metadata_bytes=parse_bytes(limits.get("metadataSize", "2Mi")),
            project_files=limits.get("projectFiles", 20_000),
            cache_bytes=parse_bytes(spec.get("cache", {}).get("size", "5Gi")),
        )


@dataclass(frozen=True)
class PackageIndex:
    """One package index."""

    meta: Meta
    storage: S3Storage
    serving: Serving
    replicas: int
    grants: tuple[Grant, ...]
    external_grants: tuple[Grant, ...]
    """On the external listener they stand in for what `grants` allow to anonymous."""
    consent: Consent
    status: Manifest

    @classmethod
    def parse(cls, body: Manifest) -> PackageIndex:
        """Take it from the API's answer; the schema has checked it."""
        spec = body["spec"]
        access = spec.get("access", {})
        return cls(
            meta=Meta.parse(body),
            storage=S3Storage.parse(spec["storage"]["s3"]),
            serving=Serving.parse(spec),
            replicas=spec.get("replicas", 2),
            grants=tuple(Grant.parse(each) for each in access.get("grants", ())),
            external_grants=tuple(Grant.parse(each) for each in access.get("externalGrants", ())),
            consent=Consent.parse(access.get("users", {}).get("namespaces", {})),
            status=body.get("status", {}),
        )

    @property
    def id(self) -> str:
        """`<namespace>/<name>`, as the bucket's wheelyard.json has it."""
        return f"{self.meta.namespace}/{self.meta.name}"

    @property
    def child_name(self) -> str:
        """The name of its Deployment, Service, ServiceAccount, ConfigMap and PodDisruptionBudget."""
        return f"wheelyard-{self.meta.name}"

    @property
    def access_secret_name(self) -> str:
        """The Secret that is mounted as access.yaml."""
        return f"{self.child_name}-access"

    @property
    def made_secret_name(self) -> str:
        """The Secret with the S3 credentials that the operator makes."""
        return f"{self.child_name}-storage"

    @property
    def storage_secret_name(self) -> str:
        """The Secret with the S3 credentials that count: the one that the index names, or the made one."""
        return self.storage.secret_name or self.made_secret_name

    def host(self, cluster_domain: str) -> str:
        """Give the Service's name within the cluster."""
        return f"{self.child_name}.{self.meta.namespace}.svc.{cluster_domain}"

    def url(self, cluster_domain: str) -> str:
        """Give the index's root within the cluster; `simple/` and `legacy/` lie below it."""
        return f"http://{self.host(cluster_domain)}/"


@dataclass(frozen=True)
class IndexUser:
    """One user of one index."""

    meta: Meta
    index: Key
    groups: tuple[str, ...]
    grants: tuple[Grant, ...]
    secret_name: str
    status: Manifest

    @classmethod
    def parse(cls, body: Manifest) -> IndexUser:
        """Take it from the API's answer; the schema has checked it."""
        meta, spec = Meta.parse(body), body["spec"]
        username = f"{meta.namespace}.{meta.name}"
        return cls(
            meta=meta,
            index=Key(INDEX, spec["indexRef"].get("namespace") or meta.namespace, spec["indexRef"]["name"]),
            groups=tuple(spec.get("groups", ())),
            grants=tuple(Grant.parse(each, (f"user:{username}",)) for each in spec.get("grants", ())),
            secret_name=spec.get("credentials", {}).get("secretName") or f"{meta.name}-pypi",
            status=body.get("status", {}),
        )

    @property
    def username(self) -> str:
        """The name to log in with. A namespace has no dots, so no two users share one."""
        return f"{self.meta.namespace}.{self.meta.name}"
