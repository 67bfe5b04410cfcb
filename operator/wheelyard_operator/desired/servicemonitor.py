"""The ServiceMonitor (Prometheus Operator) of an index's pods."""

from wheelyard_operator.desired.common import index_metadata, selector_labels
from wheelyard_operator.desired.service import METRICS
from wheelyard_operator.resource import Manifest, PackageIndex

_INDEX_LABEL = "__meta_kubernetes_service_label_wheelyard_dev_index"


def servicemonitor(index: PackageIndex) -> Manifest | None:
    """Scrape every pod, and label each series with `index`."""
    spec = index.monitor
    if spec is None:
        return None
    metadata = index_metadata(index, index.child_name)
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {**metadata, "labels": {**spec.labels, **metadata["labels"]}},
        "spec": {
            "selector": {"matchLabels": selector_labels(index)},
            "endpoints": [
                {
                    "port": METRICS,
                    "path": "/metrics",
                    "interval": spec.interval,
                    "relabelings": [{"sourceLabels": [_INDEX_LABEL], "targetLabel": "index"}],
                }
            ],
        },
    }
