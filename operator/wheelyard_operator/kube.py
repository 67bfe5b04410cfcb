"""The client of the Kubernetes API: objects in, objects out, no models."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from wheelyard_operator.resource import API_VERSION, EXCEPTION, INDEX, USER, Manifest

FIELD_MANAGER = "wheelyard-operator"
HANDED_OVER = "wheelyard-ceded"
"""The field manager of fields that are handed over: a field without a manager would be removed."""
_TIMEOUT = (5, 20)
_PAGE = 500
_ACCEPT = "application/json, application/jwk-set+json"
"""The keys of the ServiceAccounts' issuer are only served as a JWK Set (RFC 7517)."""

_METADATA_ALONE = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}

_RESOURCES = {
    INDEX: (API_VERSION, "packageindexes"),
    USER: (API_VERSION, "indexusers"),
    EXCEPTION: (API_VERSION, "packageexceptions"),
    "ConfigMap": ("v1", "configmaps"),
    "Deployment": ("apps/v1", "deployments"),
    "Event": ("v1", "events"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "HTTPRoute": ("gateway.networking.k8s.io/v1", "httproutes"),
    "Ingress": ("networking.k8s.io/v1", "ingresses"),
    "Job": ("batch/v1", "jobs"),
    "Lease": ("coordination.k8s.io/v1", "leases"),
    "Namespace": ("v1", "namespaces"),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies"),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims"),
    "Pod": ("v1", "pods"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
    "Secret": ("v1", "secrets"),
    "Service": ("v1", "services"),
    "ServiceAccount": ("v1", "serviceaccounts"),
    "ServiceMonitor": ("monitoring.coreos.com/v1", "servicemonitors"),
}


class ApiError(Exception):
    """The API server refused, or could not be reached."""

    def __init__(self, status: int, message: str, call: str = "", causes: frozenset[str] = frozenset()) -> None:
        super().__init__(f"{call}: {message}" if call else message)
        self.status = status
        """The HTTP status, 0 without an answer."""
        self.message = message
        """The message of the API server."""
        self.causes = causes
        """Machine-readable causes, such as `NamespaceTerminating`."""


class Kube(Protocol):
    """The operations that the operator needs of a cluster. Every method raises ApiError."""

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object, None if it does not exist."""

    def metadata(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object's metadata alone: a Secret may hold a megabyte."""

    def list(self, kind: str, namespace: str = "", selector: str = "", fields: str = "") -> list[Manifest]:
        """Return all objects of a kind, in one namespace or all, with these labels and fields."""

    def document(self, path: str) -> Manifest:
        """Return a document of the API server at a path such as /openid/v1/jwks."""

    def apply(self, manifest: Manifest, manager: str = "") -> Manifest:
        """Apply an object (server-side apply).

        `manager` owns its fields, "" for the operator's own.
        """

    def would_apply(self, manifest: Manifest) -> None:
        """Raise what the API server answers to applying an object (dry run); nothing is written."""

    def patch(
        self, kind: str, namespace: str, name: str, patch: Manifest, subresource: str = ""
    ) -> Manifest | None:
        """Merge into an object; return it as it is now, None if it does not exist."""

    def create(self, manifest: Manifest) -> None:
        """Create an object."""

    def delete(self, kind: str, namespace: str, name: str, uid: str) -> None:
        """Delete exactly this object; it may be gone already."""


class RealKube:
    """A cluster, with the official client; safe to share between threads."""

    def __init__(
        self,
        client: Any,
        namespaces: tuple[str, ...] = (),
        *,
        field_manager: str = FIELD_MANAGER,
        timeout: tuple[float, float] = _TIMEOUT,
    ) -> None:
        """Take a `kubernetes.client.ApiClient` that is logged in.

        `namespaces` are the only ones that the operator sees; without any, it sees all. `timeout`
        has the seconds to wait for a connection, and for an answer.
        """
        self._client = client
        self._namespaces = namespaces
        self._field_manager = field_manager
        self._timeout = timeout

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object, None if it does not exist."""
        return self._get(kind, namespace, name, {})

    def metadata(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return an object's metadata alone."""
        return self._get(kind, namespace, name, _METADATA_ALONE)

    def _get(self, kind: str, namespace: str, name: str, headers: Mapping[str, str]) -> Manifest | None:
        if namespace and self._namespaces and namespace not in self._namespaces:
            return None
        try:
            return self._call("GET", _path(kind, namespace, name), headers=headers)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind: str, namespace: str = "", selector: str = "", fields: str = "") -> list[Manifest]:
        """Return all objects of a kind, page by page."""
        namespaces = (namespace,) if namespace else self._namespaces or ("",)
        return [each for name in namespaces for each in self._pages(kind, name, selector, fields)]

    def _pages(self, kind: str, namespace: str, selector: str, fields: str) -> Iterator[Manifest]:
        query = {"labelSelector": selector, "fieldSelector": fields, "limit": str(_PAGE)}
        while True:
            answer = self._call("GET", _path(kind, namespace), query=query)
            # The items of a list have no kind of their own.
            yield from ({"kind": kind, "apiVersion": _RESOURCES[kind][0], **each} for each in answer["items"])
            token = answer.get("metadata", {}).get("continue", "")
            if not token:
                return
            query = {**query, "continue": token}

    def document(self, path: str) -> Manifest:
        """Return a document of the API server."""
        return self._call("GET", path)

    def apply(self, manifest: Manifest, manager: str = "") -> Manifest:
        """Apply an object (server-side apply)."""
        return self._apply(manifest, {"fieldManager": manager or self._field_manager, "force": "true"})

    def would_apply(self, manifest: Manifest) -> None:
        """Apply as a dry run: quotas, policies and webhooks are asked."""
        self._apply(manifest, {"fieldManager": self._field_manager, "force": "true", "dryRun": "All"})

    def _apply(self, manifest: Manifest, query: Mapping[str, str]) -> Manifest:
        metadata = manifest["metadata"]
        return self._call(
            "PATCH",
            _path(manifest["kind"], metadata["namespace"], metadata["name"]),
            body=manifest,
            headers={"Content-Type": "application/apply-patch+yaml"},
            query=query,
        )

    def patch(
        self, kind: str, namespace: str, name: str, patch: Manifest, subresource: str = ""
    ) -> Manifest | None:
        """Merge into an object; return it as it is now, None if it does not exist."""
        path = _path(kind, namespace, name) + (f"/{subresource}" if subresource else "")
        query = {"fieldManager": self._field_manager}
        try:
            return self._call("PATCH", path, body=patch, query=query, headers=_MERGE_PATCH)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def create(self, manifest: Manifest) -> None:
        """Create an object."""
        self._call("POST", _path(manifest["kind"], manifest["metadata"]["namespace"]), body=manifest)

    def delete(self, kind: str, namespace: str, name: str, uid: str) -> None:
        """Delete exactly this object: another one with its name has another uid."""
        # Otherwise the API server would leave a Job's pods behind.
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            self._call("DELETE", _path(kind, namespace, name), body=options)
        except ApiError as error:
            if error.status not in {404, 409}:
                raise

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Manifest | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Manifest:
        try:
            answer = self._client.call_api(
                path,
                method,
                query_params=[(key, value) for key, value in (query or {}).items() if value],
                header_params={"Accept": _ACCEPT, "Content-Type": "application/json", **(headers or {})},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=self._timeout,
            )
        except ApiException as error:
            raise ApiError(error.status or 0, reason_of(error), f"{method} {path}", _causes_of(error)) from error
        except (HTTPError, OSError) as error:
            raise ApiError(0, type(error).__name__, f"{method} {path}") from error
        parsed: Manifest = json.loads(answer.data)
        return parsed


def _path(kind: str, namespace: str, name: str = "") -> str:
    api_version, plural = _RESOURCES[kind]
    root = "/apis" if "/" in api_version else "/api"
    parts = ["namespaces", _segment(namespace)] if namespace else []
    return "/".join([root, api_version, *parts, plural, *([_segment(name)] if name else [])])


def _segment(name: str) -> str:
    """Return a name as one path segment, which never leads to objects of another namespace."""
    if name in {".", ".."}:
        raise ApiError(404, f"{name!r} is not the name of an object.")
    return quote(name, safe="")


def reason_of(error: ApiException) -> str:
    """Return the message of a refusal by the API server."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return f"{error.status} {error.reason}"


def _causes_of(error: ApiException) -> frozenset[str]:
    """Return the machine-readable causes (`Status.details.causes`)."""
    try:
        found = json.loads(error.body)["details"]["causes"]
        return frozenset(str(each["reason"]) for each in found)
    except (TypeError, ValueError, KeyError):
        return frozenset()
