"""The ServiceAccount of an index's pods: without rights and token.

It may have a role at the cloud.
"""

from wheelyard_operator.desired.common import index_metadata
from wheelyard_operator.resource import Manifest, PackageIndex, S3Storage
from wheelyard_operator.settings import Settings


def serviceaccount(index: PackageIndex, settings: Settings) -> Manifest:
    """Give the pods their own ServiceAccount, with allowed roles only."""
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
