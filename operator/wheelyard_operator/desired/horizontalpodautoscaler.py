"""The HorizontalPodAutoscaler of an index's Deployment."""

from wheelyard_operator.desired.common import index_metadata
from wheelyard_operator.resource import Manifest, PackageIndex


def horizontalpodautoscaler(index: PackageIndex) -> Manifest | None:
    """Scale the Deployment itself, never the PackageIndex, whose spec belongs to Git."""
    scaling = index.autoscaling
    if scaling is None:
        return None
    target = {"type": "Utilization", "averageUtilization": scaling.cpu_percent}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": index_metadata(index, index.child_name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": index.child_name},
            "minReplicas": scaling.min_replicas,
            "maxReplicas": scaling.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }
