"""Where an index keeps everything: a place in a bucket, or a volume of its own."""

from dataclasses import dataclass

from wheelyard_operator.durations import parse_duration
from wheelyard_operator.resource.meta import ROTATE_ANNOTATION, Manifest

OLDEST_FORMAT = 1
"""Of what index servers keep in a storage: every release knows it."""


@dataclass(frozen=True)
class KeyRotation:
    """When the access key of an index's own IAM user gives way to a new one."""

    every: int = 0
    """Seconds; 0 is never by itself."""
    request: str = ""
    """Value of the annotation `wheelyard.dev/rotate`: each one asks for a new key once; "" is none."""


@dataclass(frozen=True)
class CloudRole:
    """The index servers' ServiceAccount has a role at the cloud (IRSA, Pod Identity...): there is no key at all."""

    annotations: tuple[tuple[str, str], ...]
    """Of the ServiceAccount, by which the cloud knows the role; Pod Identity needs none."""


@dataclass(frozen=True)
class S3Storage:
    """A bucket, or a prefix in one."""

    bucket: str
    region: str
    """"" is the operator's."""
    prefix: str
    """"" or ends in "/"."""
    endpoint: str
    """"" is the operator's, which is AWS unless it was told otherwise."""
    provision_bucket: bool
    provision_user: bool
    rotation: KeyRotation
    secret_name: str
    """The Secret with the credentials, if the team brings one, else ""."""
    cloud_role: CloudRole | None
    """None where there is a key."""

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
    """A volume of the cluster's, for one index server."""

    size: str
    """A quantity such as 20Gi."""
    class_name: str
    """"" is the cluster's default."""

    @classmethod
    def parse(cls, body: Manifest) -> "VolumeStorage":
        """Take it from `spec.storage.volume`."""
        return cls(body["size"], body.get("storageClassName", ""))
