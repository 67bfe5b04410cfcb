"""What an index has only if it asks for it is made, kept and removed; also in a cluster that lacks a kind."""

import json
from typing import Any

from support.here import Here
from support.kubectl import eventually
from support.mainjob import SYSTEM, MainJob
from support.outside import remove

SERVICE_MONITORS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "ServiceMonitor", "plural": "servicemonitors", "singular": "servicemonitor"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}
"""As the Prometheus Operator's CRD, but for its schema."""
OPTIONS = ("horizontalpodautoscaler", "networkpolicy", "ingress", "servicemonitor", "poddisruptionbudget")
ASKED_FOR = ("autoscaling", "networkPolicy", "ingress", "monitoring")


def test_requested_children_are_created_and_removed_again(operator: MainJob) -> None:
    kubectl, here = operator.kubectl, Here(operator.kubectl, "production")
    mine = ("-n", here.namespace)

    def there() -> set[str]:
        return {kind for kind in OPTIONS if not kubectl.attempt(*mine, "get", kind, "wheelyard-main").returncode}

    def replicas() -> int:
        count: int = kubectl.get(*mine, "deployment", "wheelyard-main")["spec"]["replicas"]
        return count

    remove_kind = ("delete", "crd", SERVICE_MONITORS["metadata"]["name"], "--ignore-not-found", "--timeout=60s")
    try:
        kubectl(*remove_kind)  # a killed run may have left it
        operator.apply("production.yaml")
        operator.wait_until_ready("packageindex", "main", here.namespace)
        here.wait_for("packageindex", "main", "Monitored", "KindNotInstalled")
        kubectl("apply", "-f", "-", stdin=json.dumps(SERVICE_MONITORS))
        here.wait_for("packageindex", "main", "Monitored", "Applied")
        assert there() == set(OPTIONS)
        assert replicas() == 2

        kubectl(*mine, "scale", "deployment", "wheelyard-main", "--replicas=3")  # as the autoscaler does
        for kind in OPTIONS:
            kubectl(*mine, "delete", kind, "wheelyard-main")
        eventually(lambda: there() == set(OPTIONS), "all that was deleted is there again")
        assert replicas() == 3, "the autoscaler's number stays"

        gone = [{"op": "remove", "path": f"/spec/{field}"} for field in ASKED_FOR]
        kubectl(*mine, "patch", "packageindex", "main", "--type=json", "-p", json.dumps(gone))
        eventually(lambda: there() == {"poddisruptionbudget"}, "what is not asked for is gone")
        eventually(lambda: replicas() == 2, "the index's own number counts again")
        pods = kubectl.get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/component=operator")["items"]
        restarts = [status["restartCount"] for pod in pods for status in pod["status"]["containerStatuses"]]
        assert set(restarts) == {0}
    finally:
        remove(kubectl, here.namespace)
        kubectl.attempt(*remove_kind)
