"""The HTTPRoute (Gateway API) in front of the external listener."""

from wheelyard_operator.desired.common import index_metadata
from wheelyard_operator.desired.index_file import EXTERNAL_PORT
from wheelyard_operator.resource import Manifest, PackageIndex


def httproute(index: PackageIndex) -> Manifest | None:
    """Route hosts to the external listener; each Gateway decides which routes it accepts."""
    spec = index.external.route
    if spec is None:
        return None
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": index_metadata(index, index.child_name),
        "spec": {
            "parentRefs": list(spec.parents),
            "hostnames": list(spec.hostnames),
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "backendRefs": [{"name": index.child_name, "port": EXTERNAL_PORT}],
                }
            ],
        },
    }
