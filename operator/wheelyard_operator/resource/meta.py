"""Metadata of every resource, and the labels of all objects that the operator creates for it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

GROUP = "wheelyard.dev"
VERSION = "v1"
API_VERSION = f"{GROUP}/{VERSION}"
INDEX = "PackageIndex"
USER = "IndexUser"
EXCEPTION = "PackageException"
FINALIZER = f"{GROUP}/cleanup"
"""Set on an index with an IAM user of its own."""
BUCKET_FINALIZER = f"{GROUP}/bucket"
"""Set on an index whose bucket is deleted with it."""
ROTATE_ANNOTATION = f"{GROUP}/rotate"
END_SESSIONS_ANNOTATION = f"{GROUP}/end-sessions"
PAUSED_ANNOTATION = f"{GROUP}/paused"
CREDENTIALS_ANNOTATION = f"{GROUP}/credentials"
"""On the pod template: a digest of the credentials, which pods read only when they start."""

INDEX_LABEL = f"{GROUP}/index"
INDEX_NAMESPACE_LABEL = f"{GROUP}/index-namespace"
USER_LABEL = f"{GROUP}/user"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
OPERATOR = "wheelyard-operator"

Manifest = dict[str, Any]
"""A Kubernetes object as the API has it."""


class Key(NamedTuple):
    """The resource that one reconciliation is about."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Meta:
    """The part of an object's metadata that the operator uses."""

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    created: str
    deleted: str
    """When its deletion was requested, "" if it was not."""
    finalizers: tuple[str, ...]
    resource_version: str
    paused: bool
    """Whether the annotation `wheelyard.dev/paused` stops all changes."""

    @classmethod
    def parse(cls, body: Manifest) -> "Meta":
        """Take it from an object of the API."""
        metadata = body["metadata"]
        return cls(
            kind=body["kind"],
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            created=metadata.get("creationTimestamp", ""),
            deleted=metadata.get("deletionTimestamp", ""),
            finalizers=tuple(metadata.get("finalizers", ())),
            resource_version=metadata.get("resourceVersion", ""),
            paused=metadata.get("annotations", {}).get(PAUSED_ANNOTATION) == "true",
        )

    @property
    def deleting(self) -> bool:
        """Return whether it is being deleted."""
        return bool(self.deleted)

    @property
    def age(self) -> str:
        """A sort key: the oldest comes first."""
        return f"{self.created} {self.uid}"

    @property
    def key(self) -> Key:
        """The key that reconciles it."""
        return Key(self.kind, self.namespace, self.name)
