"""The PersistentVolumeClaim of an index without S3."""

from wheelyard_operator.desired.common import index_metadata
from wheelyard_operator.resource import Manifest, PackageIndex, VolumeStorage


def volumeclaim(index: PackageIndex, storage: VolumeStorage) -> Manifest:
    """Claim a volume. A retained one has no owner: the next index with this name uses it again."""
    metadata = index_metadata(index, index.child_name)
    if not index.delete_storage:
        metadata["ownerReferences"] = []
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": storage.size}},
            **({"storageClassName": storage.class_name} if storage.class_name else {}),
        },
    }
