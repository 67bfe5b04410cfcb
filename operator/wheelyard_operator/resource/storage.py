"""The storage of an index: a location in a bucket, or a volume."""

from dataclasses import dataclass

from wheelyard_operator.durations import parse_duration
from wheelyard_operator.resource.meta import ROTATE_ANNOTATION, Manifest

OLDEST_FORMAT = 1
"""The oldest storage format, which every release can read."""


@dataclass(frozen=True)
class KeyRotation:
    """When the access key of the IAM user of an index is rotated."""

    every: int = 0
    """Seconds; 0 if it is not scheduled."""
    request: str = ""
    """Value of the annotation `wheelyard.dev/rotate`. Each value requests one rotation; "" requests none."""


@dataclass(frozen=True)
class CloudRole:
    """A role of the cloud provider that the index servers assume (IRSA, Pod Identity...), without any key."""

    annotations: tuple[tuple[str, str], ...]
    """Annotations of the ServiceAccount that name the role. Pod Identity needs none."""


@dataclass(frozen=True)
class S3Storage:
    """A bucket, or a prefix in one."""

    bucket: str
    region: str
    """"" means the region of the operator."""
    prefix: str
    """"" or ends in "/"."""
    endpoint: str
    """"" means the endpoint of the operator, which is AWS by default."""
    provision_bucket: bool
    provision_user: bool
    rotation: KeyRotation
    secret_name: str
    """The Secret with the credentials that the team provides, "" if there is none."""
    cloud_role: CloudRole | None
    """None if there is an access key."""

    @classmethod
    def parse(cls, body: Manifest, annotations: Manifest) -> "S3Storage":
        """Take it from `spec.storage.s3` and the index's annotations."""
        provision, credentials = body.get("provision", {}), body.get("credentials", {})
        role = credentials.get("serviceAccount")
        return cls(
            bucket=body["bucket"],
            region=body.get("region", ""),
            prefix=body.get("prefix", ""),
            endpoint=body.get("endpoint", ""),
            provision_bucket=provision.get("bucket", False),
            provision_user=provision.get("user", False),
            rotation=KeyRotation(
                every=parse_duration(provision.get("rotateEvery") or "0s"),
                request=annotations.get(ROTATE_ANNOTATION, ""),
            ),
            secret_name=credentials.get("secretRef", {}).get("name", ""),
            cloud_role=None if role is None else CloudRole(tuple(sorted(role.get("annotations", {}).items()))),
        )


@dataclass(frozen=True)
class VolumeStorage:
    """A PersistentVolumeClaim, for one index server."""

    size: str
    """A size such as 20Gi."""
    class_name: str
    """"" means the default of the cluster."""

    @classmethod
    def parse(cls, body: Manifest) -> "VolumeStorage":
        """Take it from `spec.storage.volume`."""
        return cls(body["size"], body.get("storageClassName", ""))
