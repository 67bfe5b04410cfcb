"""The PodDisruptionBudget: draining nodes takes one pod at a time."""

from wheelyard_operator.desired.common import index_metadata, selector_labels
from wheelyard_operator.resource import Manifest, PackageIndex


def poddisruptionbudget(index: PackageIndex) -> Manifest | None:
    """Return None for a single pod: the budget would block every drain."""
    if index.min_replicas <= 1:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": index_metadata(index, index.child_name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector_labels(index)}},
    }
