"""One namespace, and short names for actions in it."""

import json
import time
from pathlib import Path
from typing import Any

from cluster import Cluster
from support import load
from support.kubectl import Kubectl, eventually

STOP_FILE = "/tmp/stop"  # noqa: S108 - in a pod of the test's own

_WATCH_SECONDS = 20


class Here:
    """kubectl in one namespace."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self.kubectl = kubectl
        self.namespace = namespace

    def apply(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        manifest = {"apiVersion": "wheelyard.dev/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.kubectl("-n", self.namespace, "apply", "-f", "-", stdin=json.dumps(manifest))

    def index(self, bucket: str, name: str = "main", spec: dict[str, Any] | None = None, **s3: Any) -> None:
        storage = {"s3": {"bucket": bucket, **(s3 or {"provision": {"bucket": True, "user": True}})}}
        self.apply("PackageIndex", name, {"storage": storage, "replicas": 1, **(spec or {})})

    def secret(self, name: str, **data: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
        self.kubectl("-n", self.namespace, "apply", "-f", "-", stdin=json.dumps(manifest))

    def condition(self, kind: str, name: str, condition_type: str) -> tuple[str, str, str]:
        """Return status, reason and message of a condition of the current generation."""
        resource = self.kubectl.get("-n", self.namespace, kind, name)
        for each in resource.get("status", {}).get("conditions", ()):
            if each["type"] == condition_type and each["observedGeneration"] == resource["metadata"]["generation"]:
                return each["status"], each["reason"], each["message"]
        return "", "", ""

    def wait_for(self, kind: str, name: str, condition_type: str, reason: str) -> str:
        """Wait until the condition has this reason and return its message."""
        path = f'{{.status.conditions[?(@.type=="{condition_type}")].reason}}={reason}'
        watching = ("-n", self.namespace, "wait", f"--for=jsonpath={path}", f"{kind}/{name}")

        def reached() -> bool:
            # One kubectl that watches costs the machine less than one for each look.
            self.kubectl.attempt(*watching, f"--timeout={_WATCH_SECONDS}s")
            return self.condition(kind, name, condition_type)[1] == reason

        try:
            eventually(reached, f"{kind} {name} says {reason}")
        except AssertionError as error:
            raise AssertionError(self.kubectl("-n", self.namespace, "describe", kind, name)) from error
        return self.condition(kind, name, condition_type)[2]

    def client_pod(self, cluster: Cluster, **spec: Any) -> None:
        """Start the pod `client`, which has Python, pip, uv and twine."""
        container = {"name": "client", "image": cluster.images.client, "command": ["sleep", "infinity"]}
        containers = [{**container, **spec.pop("container", {})}]
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "client"},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": containers, **spec},
        }
        self.kubectl("-n", self.namespace, "apply", "-f", "-", stdin=json.dumps(manifest))
        self.kubectl("-n", self.namespace, "wait", "--for=condition=Ready", "pod/client", "--timeout=60s")

    def in_client(self, *command: str, stdin: str | None = None) -> str:
        """Run a command in that pod."""
        return self.kubectl("-n", self.namespace, "exec", "-i", "client", "--", *command, stdin=stdin)

    def load(self, rate: float, user: str = "ci") -> dict[str, Any]:
        """Have the client use the index until `stop_load`; return what came of it, as `support.load` prints it."""
        time.sleep(2)  # so that every kube-proxy knows of the Service
        login = self.kubectl.secret(self.namespace, f"{user}-pypi")
        options = (login["username"], login["password"], str(rate), STOP_FILE)
        script = Path(load.__file__).read_text()
        result: dict[str, Any] = json.loads(
            self.in_client("python3", "-", "http://wheelyard-main", *options, stdin=script)
        )
        return result

    def stop_load(self) -> None:
        """End what `load` does, also what it would do from now on."""
        self.in_client("touch", STOP_FILE)
