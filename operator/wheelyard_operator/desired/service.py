"""The Service in front of an index's pods."""

from wheelyard_operator.desired.common import index_metadata, selector_labels
from wheelyard_operator.desired.index_file import EXTERNAL_PORT, METRICS_PORT
from wheelyard_operator.resource import Manifest, PackageIndex

EXTERNAL = "external"
METRICS = "metrics"
"""Names of ports that other objects refer to."""


def service(index: PackageIndex) -> Manifest:
    """Listen on port 80 for pods, so that their URL needs no port.

    `external` is for Ingress and HTTPRoute, `metrics` for Prometheus.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": index_metadata(index, index.child_name),
        "spec": {
            "type": "ClusterIP",
            "selector": selector_labels(index),
            "ports": [
                {"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"},
                {"name": EXTERNAL, "port": EXTERNAL_PORT, "targetPort": "external", "protocol": "TCP"},
                {"name": METRICS, "port": METRICS_PORT, "targetPort": "metrics", "protocol": "TCP"},
            ],
        },
    }
