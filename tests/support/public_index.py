"""A public index inside a cluster: an upstream of the tests as a pod, in a namespace of its own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import Cluster
from support.kubectl import Kubectl, eventually

NAMESPACE, NAME = "public", "public-index"
HOST = f"{NAME}.{NAMESPACE}.svc.cluster.local"
PORT, FILES_PORT = 8080, 8081
ALLOWED_HOSTS = (f"http://{HOST}:{PORT}", f"{HOST}:{FILES_PORT}")
"""For the chart's `upstreams.allowedHosts`."""
UPSTREAM = {"name": "public", "url": f"http://{HOST}:{PORT}/simple/", "fileHosts": [f"{HOST}:{FILES_PORT}"]}
"""An item of `spec.upstreams`."""
_TESTS = Path(__file__).parents[1]
_FOLDER = "/upstream"


@dataclass(frozen=True)
class PublicIndex:
    """It runs `python -m support.upstreams` from a ConfigMap, with nothing but the Python of the image."""

    cluster: Cluster

    def start(self) -> None:
        """Run it, and return when it answers; an older one is replaced."""
        kubectl = Kubectl(self.cluster)
        for manifest in self._manifests():
            kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest))
        kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{NAME}")
        kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{NAME}", "--timeout=120s")

    def stop(self) -> None:
        """End it, and return when its pods are gone."""
        kubectl = Kubectl(self.cluster)
        kubectl("-n", NAMESPACE, "scale", f"deployment/{NAME}", "--replicas=0")
        pods = ("-n", NAMESPACE, "get", "pods", "-l", f"app={NAME}", "-o", "name")
        eventually(lambda: not kubectl(*pods), "the public index has gone")

    def _manifests(self) -> Iterator[dict[str, Any]]:
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        files = list(_program())
        texts = {_key(each): (_TESTS / each).read_text() for each in files}
        metadata = {"name": NAME, "namespace": NAMESPACE}
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
                "template": {"metadata": {"labels": {"app": NAME}}, "spec": self._pod(files)},
            },
        }

    def _pod(self, files: list[str]) -> dict[str, Any]:
        items = [{"key": _key(each), "path": each} for each in files]
        command = ("python3", "-m", "support.upstreams", "--host", "0.0.0.0")  # noqa: S104 - a pod
        container = {
            "name": "index",
            "image": self.cluster.images.client,
            "command": [*command, "--port", str(PORT), "--files-port", str(FILES_PORT)],
            "env": [{"name": "PYTHONPATH", "value": _FOLDER}, {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}],
            "readinessProbe": {"httpGet": {"path": "/simple/", "port": PORT}, "periodSeconds": 1},
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
