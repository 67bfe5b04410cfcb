"""An index inside a cluster: an upstream of the tests as a pod, like PyPI or of another kind."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import Cluster
from support.kubectl import Kubectl, eventually

NAMESPACE, NAME = "public", "public-index"
PORT, FILES_PORT = 8080, 8081
ALLOWED_HOSTS = tuple(
    each
    for namespace in (NAMESPACE, "{namespace}")
    for each in (
        f"http://{NAME}.{namespace}.svc.cluster.local:{PORT}",
        f"{NAME}.{namespace}.svc.cluster.local:{FILES_PORT}",
    )
)
"""For the chart's `upstreams.allowedHosts`: one for all indexes, and one in the namespace of each."""
_TESTS = Path(__file__).parents[1]
_FOLDER = "/upstream"


@dataclass(frozen=True)
class PublicIndex:
    """It runs `python -m support.upstreams` from a ConfigMap, with nothing but the Python of the image."""

    cluster: Cluster
    namespace: str = NAMESPACE
    kind: str = "pypi"
    password: str = ""
    """What a kind with a login accepts."""

    @property
    def host(self) -> str:
        """Return its name for all pods of the cluster."""
        return f"{NAME}.{self.namespace}.svc.cluster.local"

    @property
    def upstream(self) -> dict[str, Any]:
        """Return an item of `spec.upstreams`: its pages, and its files on another host, as PyPI has them."""
        files = f"{self.host}:{FILES_PORT}"
        return {"name": "public", "url": f"http://{self.host}:{PORT}/simple/", "fileHosts": [files]}

    def apply(self) -> None:
        """Run it; one with another program or other settings is replaced."""
        manifests = {"apiVersion": "v1", "kind": "List", "items": list(self._manifests())}
        self._kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifests))

    def wait(self) -> None:
        """Return when it answers."""
        self._kubectl("-n", self.namespace, "rollout", "status", f"deployment/{NAME}", "--timeout=120s")

    def start(self) -> None:
        """Run it, and return when it answers."""
        self.apply()
        self.wait()

    def stop(self) -> None:
        """End it, and return when its pods are gone."""
        self._kubectl("-n", self.namespace, "scale", f"deployment/{NAME}", "--replicas=0")
        pods = ("-n", self.namespace, "get", "pods", "-l", f"app={NAME}", "-o", "name")
        eventually(lambda: not self._kubectl(*pods), "the public index has gone")

    def requests(self) -> list[str]:
        """Return the requests since it was started, such as `200 GET /simple/demo/`."""
        return self._kubectl("-n", self.namespace, "logs", f"deployment/{NAME}").splitlines()[1:]

    @property
    def _kubectl(self) -> Kubectl:
        return Kubectl(self.cluster)

    def _manifests(self) -> Iterator[dict[str, Any]]:
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        files = list(_program())
        texts = {_key(each): (_TESTS / each).read_text() for each in files}
        metadata = {"name": NAME, "namespace": self.namespace}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}
        ports = [{"name": f"port-{port}", "port": port} for port in (PORT, FILES_PORT)]
        service = {"selector": {"app": NAME}, "ports": ports}
        yield {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service}
        yield {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": NAME}},
                "template": {
                    # A change of the ConfigMap alone would replace no pod.
                    "metadata": {"labels": {"app": NAME}, "annotations": {"program": _digest(texts)}},
                    "spec": self._pod(files),
                },
            },
        }

    def _pod(self, files: list[str]) -> dict[str, Any]:
        items = [{"key": _key(each), "path": each} for each in files]
        command = ("python3", "-m", "support.upstreams", "--host", "0.0.0.0")  # noqa: S104 - a pod
        ports = ("--port", str(PORT), "--files-port", str(FILES_PORT))
        container = {
            "name": "index",
            "image": self.cluster.images.client,
            "command": [*command, "--kind", self.kind, *ports, "--password", self.password],
            "env": [{"name": "PYTHONPATH", "value": _FOLDER}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
            "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
            "volumeMounts": [{"name": "program", "mountPath": _FOLDER}],
        }
        volume = {"name": "program", "configMap": {"name": NAME, "items": items}}
        return {"terminationGracePeriodSeconds": 1, "containers": [container], "volumes": [volume]}


def _program() -> Iterator[str]:
    """Yield the files of the program; `mirroring` is not one of them, it needs the product."""
    yield from ("support/__init__.py", "support/distributions.py")
    for each in sorted((_TESTS / "support/upstreams").glob("*.py")):
        if each.stem != "mirroring":
            yield str(each.relative_to(_TESTS))


def _key(path: str) -> str:
    return path.replace("/", ".")


def _digest(texts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()
