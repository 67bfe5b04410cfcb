"""A PackageIndex, and the names of everything that is made for it."""

from __future__ import annotations

from dataclasses import dataclass

from wheelyard_operator.resource.access import Grant, Maximum
from wheelyard_operator.resource.consent import Consent
from wheelyard_operator.resource.meta import GROUP, Manifest, Meta


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
    maximum: Maximum
    """Of the rights that users of other namespaces give themselves."""
    status: Manifest

    @classmethod
    def parse(cls, body: Manifest) -> PackageIndex:
        """Take it from the API's answer; the schema has checked it."""
        spec = body["spec"]
        access = spec.get("access", {})
        users = access.get("users", {})
        return cls(
            meta=Meta.parse(body),
            storage=S3Storage.parse(spec["storage"]["s3"]),
            serving=Serving.parse(spec),
            replicas=spec.get("replicas", 2),
            grants=tuple(Grant.parse(each) for each in access.get("grants", ())),
            external_grants=tuple(Grant.parse(each) for each in access.get("externalGrants", ())),
            consent=Consent.parse(users.get("namespaces", {})),
            maximum=Maximum.parse(users.get("maximum", {})),
            status=body.get("status", {}),
        )

    @property
    def id(self) -> str:
        """`<namespace>/<name>`, as the bucket's wheelyard.json has it."""
        return f"{self.meta.namespace}/{self.meta.name}"

    @property
    def audience(self) -> str:
        """What signed tokens must be made for, so that no other service can use them here."""
        return f"{GROUP}/{self.id}"

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
