"""Programs of the tests in one pod of a cluster: from a ConfigMap, with nothing but the Python of the image."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cluster import Cluster
from support.kubectl import Kubectl, eventually

_TESTS = Path(__file__).parents[1]
_FOLDER = "/program"


class Program(NamedTuple):
    """A module of the tests with its arguments."""

    module: str
    arguments: Sequence[str]
    ports: Sequence[int]
    """Ports on which it listens. It is ready when it accepts connections at the first one."""


@dataclass(frozen=True)
class PodProgram:
    """A Deployment of one pod with these programs, each in a container, and a Service for their ports."""

    cluster: Cluster
    namespace: str
    name: str
    programs: Mapping[str, Program]
    """By the names of their containers."""
    files: Sequence[str]
    """The files of the programs below `tests/`."""

    @property
    def host(self) -> str:
        """Return its name for all pods of the cluster."""
        return f"{self.name}.{self.namespace}.svc.cluster.local"

    def apply(self) -> None:
        """Run it; one with another program or other settings is replaced."""
        manifests = {"apiVersion": "v1", "kind": "List", "items": list(self._manifests())}
        self._kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifests))

    def wait(self) -> None:
        """Return when it answers."""
        self._kubectl("-n", self.namespace, "rollout", "status", self._deployment, "--timeout=120s")

    def stop(self) -> None:
        """End it, and return when its pods are gone."""
        self._kubectl("-n", self.namespace, "scale", self._deployment, "--replicas=0")
        pods = ("-n", self.namespace, "get", "pods", "-l", f"app={self.name}", "-o", "name")
        eventually(lambda: not self._kubectl(*pods), f"{self.name} has gone")

    def printed(self, container: str) -> list[str]:
        """Return the lines that a program has printed since it was started."""
        return self._kubectl("-n", self.namespace, "logs", self._deployment, "-c", container).splitlines()

    def run(self, container: str, script: str, *arguments: str, stdin: str = "") -> str:
        """Run a Python script in a container."""
        command = ("python3", "-c", script, *arguments)
        execute = ("-n", self.namespace, "exec", "-i", self._deployment, "-c", container, "--")
        return self._kubectl(*execute, *command, stdin=stdin)

    @property
    def _deployment(self) -> str:
        return f"deployment/{self.name}"

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self.cluster)

    def _manifests(self) -> Iterator[dict[str, Any]]:
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        texts = {_key(each): (_TESTS / each).read_text() for each in self.files}
        metadata = {"name": self.name, "namespace": self.namespace}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}
        numbers = [port for each in self.programs.values() for port in each.ports]
        ports = [{"name": f"port-{port}", "port": port} for port in numbers]
        service = {"selector": {"app": self.name}, "ports": ports}
        yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service}
        yield {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": self.name}},
                "template": {
                    # A change of the ConfigMap alone would replace no pod.
                    "metadata": {"labels": {"app": self.name}, "annotations": {"program": _digest(texts)}},
                    "spec": self._pod(),
                },
            },
        }

    def _pod(self) -> dict[str, Any]:
        items = [{"key": _key(each), "path": each} for each in self.files]
        containers = [self._container(name, each) for name, each in self.programs.items()]
        volume = {"name": "program", "configMap": {"name": self.name, "items": items}}
        return {"terminationGracePeriodSeconds": 1, "containers": containers, "volumes": [volume]}

    def _container(self, name: str, program: Program) -> dict[str, Any]:
        return {
            "name": name,
            "image": self.cluster.images.client,
            "command": ["python3", "-m", program.module, *program.arguments],
            "env": [{"name": "PYTHONPATH", "value": _FOLDER}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
            "readinessProbe": {"tcpSocket": {"port": program.ports[0]}, "periodSeconds": 1},
            "volumeMounts": [{"name": "program", "mountPath": _FOLDER}],
        }


def _key(path: str) -> str:
    return path.replace("/", ".")


def _digest(texts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()
