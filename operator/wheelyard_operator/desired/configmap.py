"""The ConfigMap with index.yaml."""

from wheelyard_operator.desired.common import index_metadata
from wheelyard_operator.desired.index_file import INDEX_FILE
from wheelyard_operator.resource import Manifest, PackageIndex


def configmap(index: PackageIndex, index_yaml: str) -> Manifest:
    """Return the ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": index_metadata(index, index.child_name),
        "data": {INDEX_FILE: index_yaml},
    }
