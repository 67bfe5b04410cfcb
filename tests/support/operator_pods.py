"""The pods of the operator, and who of them leads."""

from dataclasses import dataclass
from typing import Any

from support.kubectl import Kubectl, eventually
from support.mainjob import SYSTEM

DEPLOYMENT = "deployment/wheelyard-operator"
LEASE = "wheelyard-operator"


@dataclass(frozen=True)
class OperatorPods:
    """The operator that is installed."""

    kubectl: Kubectl

    def scale(self, replicas: int) -> None:
        """Have so many, and return when they run."""
        mine = ("-n", SYSTEM)
        self.kubectl(*mine, "scale", DEPLOYMENT, f"--replicas={replicas}")
        self.kubectl(*mine, "rollout", "status", DEPLOYMENT, "--timeout=90s")
        eventually(lambda: len(self.names()) == replicas, f"there are {replicas} pods")

    def names(self) -> list[str]:
        """Return the names of all pods, also of those that are ending."""
        return [each["metadata"]["name"] for each in self._pods()]

    def lease(self) -> dict[str, Any]:
        """Return what the Lease says."""
        spec: dict[str, Any] = self.kubectl.get("-n", SYSTEM, "lease", LEASE)["spec"]
        return spec

    def leader(self) -> str:
        """Return the name of the pod that leads, once one does."""
        return str(eventually(self._holder, "an operator leads"))

    def leads(self, name: str) -> bool:
        """Tell what a pod says of itself, in its metrics."""
        path = f"/api/v1/namespaces/{SYSTEM}/pods/{name}:9090/proxy/metrics"
        return "wheelyard_operator_leads 1.0" in self.kubectl("get", "--raw", path).splitlines()

    def restarts(self, name: str) -> int:
        """Return how often the pod's container was started again."""
        return int(self._container(name)["restartCount"])

    def _holder(self) -> str:
        holder = self.lease().get("holderIdentity", "")
        return holder if holder in self.names() else ""

    def _container(self, name: str) -> dict[str, Any]:
        (pod,) = (each for each in self._pods() if each["metadata"]["name"] == name)
        (container,) = pod["status"]["containerStatuses"]
        found: dict[str, Any] = container
        return found

    def _pods(self) -> list[dict[str, Any]]:
        label = "app.kubernetes.io/component=operator"
        items: list[dict[str, Any]] = self.kubectl.get("-n", SYSTEM, "pods", "-l", label)["items"]
        return items
