"""The PodDisruptionBudget: draining nodes takes one pod at a time."""

from wheelyard_operator.desired.common import index_metadata, selector_labels
from wheelyard_operator.resource import Manifest, PackageIndex


def poddisruptionbudget(index: PackageIndex) -> Manifest | None:
    """Want one only where there is more than one pod: with a single one it would block every drain."""
    if index.min_replicas <= 1:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": index_metadata(index, index.child_name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector_labels(index)}},
    }
