"""The Kubernetes API in its plainest form, for tests that act as a person or as another controller."""

import http.client
import json
import select
import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

Manifest = dict[str, Any]

_PLURALS = {
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "IndexUser": "indexusers",
    "PackageException": "packageexceptions",
    "Ingress": "ingresses",
    "LimitRange": "limitranges",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "PackageIndex": "packageindexes",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "ResourceQuota": "resourcequotas",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
_VERSIONS = {
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "IndexUser": "wheelyard.dev/v1",
    "PackageException": "wheelyard.dev/v1",
    "Ingress": "networking.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PackageIndex": "wheelyard.dev/v1",
    "PodDisruptionBudget": "policy/v1",
    "ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
}


class RefusedError(Exception):
    """The API server's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Rest:
    """Requests to one API server. Threads may share it: each has a connection of its own."""

    def __init__(self, url: str, certificate: Path, token: str) -> None:
        self._host = urlsplit(url).netloc
        self._context = ssl.create_default_context(cafile=str(certificate))
        self._token = token
        self._local = threading.local()
        self._connections: list[http.client.HTTPSConnection] = []

    def create(self, manifest: Manifest, **query: str) -> Manifest:
        """Create an object; raise RefusedError. Unknown fields are refused, too."""
        path = path_of(manifest["kind"], manifest["metadata"].get("namespace", ""))
        return self.call("POST", path, manifest, fieldValidation="Strict", **query)

    def replace(self, manifest: Manifest, **query: str) -> Manifest:
        """Put an object in the place of the one of its name."""
        return self.call("PUT", self._of(manifest), manifest, fieldValidation="Strict", **query)

    def merge(self, manifest: Manifest, patch: Manifest, subresource: str = "") -> Manifest:
        """Merge into an object."""
        return self.call("PATCH", self._of(manifest) + subresource, patch)

    def get(self, kind: str, namespace: str, name: str) -> Manifest:
        """Return an object, or raise RefusedError with 404."""
        return self.call("GET", path_of(kind, namespace, name))

    def list(self, kind: str, namespace: str = "") -> list[Manifest]:
        """Return all objects of a kind, with their kind."""
        items: list[Manifest] = self.call("GET", path_of(kind, namespace))["items"]
        return [{"kind": kind, "apiVersion": _VERSIONS.get(kind, "v1"), **each} for each in items]

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object at once."""
        self.call("DELETE", path_of(kind, namespace, name), {"gracePeriodSeconds": 0})

    def call(self, method: str, path: str, body: Manifest | None = None, **query: str) -> Manifest:
        """Make a request; raise RefusedError."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        connection = self._connection()
        target = f"{path}?{urlencode(query)}"
        connection.request(method, target, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        content: Manifest = json.loads(answer.read())
        if answer.status >= http.client.BAD_REQUEST:
            raise RefusedError(answer.status, content["message"])
        return content

    def close(self) -> None:
        """Close all connections; a request opens one again."""
        for each in self._connections:
            each.close()

    def _connection(self) -> http.client.HTTPSConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPSConnection(self._host, context=self._context, timeout=30)
            self._connections.append(self._local.connection)
        connection: http.client.HTTPSConnection = self._local.connection
        if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
            connection.close()  # The server closed it while it was idle; a request opens it again.
        return connection

    @staticmethod
    def _of(manifest: Manifest) -> str:
        metadata = manifest["metadata"]
        return path_of(manifest["kind"], metadata.get("namespace", ""), metadata["name"])


def path_of(kind: str, namespace: str = "", name: str = "") -> str:
    """Return the path of an object, or of all of a kind."""
    version = _VERSIONS.get(kind, "v1")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{place}/{_PLURALS[kind]}" + (f"/{name}" if name else "")
