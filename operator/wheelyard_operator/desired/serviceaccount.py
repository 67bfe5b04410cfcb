"""The ServiceAccount of an index's pods: no rights in the cluster and no token; at the cloud it may have a role."""

from wheelyard_operator.desired.common import index_metadata
from wheelyard_operator.resource import Manifest, PackageIndex, S3Storage
from wheelyard_operator.settings import Settings


def serviceaccount(index: PackageIndex, settings: Settings) -> Manifest:
    """Return the pods an identity of their own, not the namespace's default, with no role that is not allowed."""
    metadata = index_metadata(index, index.child_name)
    if isinstance(index.storage, S3Storage) and index.storage.cloud_role:
        wanted = index.storage.cloud_role.annotations
        metadata["annotations"] = {key: value for key, value in wanted if settings.allows_annotation(key, value)}
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata,
        "automountServiceAccountToken": False,
    }
