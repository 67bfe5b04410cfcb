"""A cluster in memory, and the resources that most tests start from."""

import copy
from collections.abc import Callable
from typing import Any

from wheelyard_operator import tokens
from wheelyard_operator.desired.access_file import AcceptedUser
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.kube import FIELD_MANAGER, ApiError
from wheelyard_operator.patterns import AnnotationForm
from wheelyard_operator.resource import (
    API_VERSION,
    EXCEPTION,
    INDEX,
    USER,
    IndexUser,
    Manifest,
    PackageException,
    PackageIndex,
    S3Storage,
)
from wheelyard_operator.resource.rights import rights
from wheelyard_operator.settings import Settings

SETTINGS = Settings(
    image="registry.example/wheelyard:1",
    allowed_buckets=("*",),
    allowed_hosts=("*",),
    allowed_ingress_annotations=(
        AnnotationForm("cert-manager.io/cluster-issuer", "[a-z0-9.-]{1,253}"),
        AnnotationForm("cert-manager.io/duration", "[0-9hms]{1,20}"),
        AnnotationForm("nginx.ingress.kubernetes.io/proxy-body-size", "[0-9]{1,6}[kKmMgG]?"),
    ),
)
"""The defaults allow nothing."""
NOW = "2026-11-23T12:00:00Z"
TOKEN = tokens.new_token(bytes)

CLUSTER_ISSUER = "https://kubernetes.default.svc"
RSA_KEY = {"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "n": "AQAB", "e": "AQAB"}


class CrashError(BaseException):
    """The process was killed: nothing may catch it."""


class Fuse:
    """Burns through at the n-th write to the outside, right after the write was done."""

    def __init__(self, writes: int | None = None) -> None:
        self.left = writes

    def __call__(self, model: Any = None, **_: Any) -> None:
        """Count a write; boto3 reports every call, with its `model`."""
        if self.left is None or (model and model.name.startswith(("Get", "Head", "List"))):
            return
        self.left -= 1
        if self.left == 0:
            self.left = None
            raise CrashError


class FakeKube:
    """Keeps objects as the API server would, as far as the operator can tell."""

    def __init__(self, *objects: Manifest) -> None:
        self.objects: dict[tuple[str, str, str], Manifest] = {}
        self.events: list[Manifest] = []
        self.writes: list[str] = []
        self.documents: dict[str, Manifest] | None = {
            "/.well-known/openid-configuration": {"issuer": CLUSTER_ISSUER},
            "/openid/v1/jwks": {"keys": [RSA_KEY]},
        }
        self.selects_fields = True
        """Whether the CRDs have `selectableFields`."""
        self.after_write: Callable[[], None] = Fuse()
        self.before_apply: Callable[[], object] = lambda: None
        self.refusal: Callable[[str, str, str], ApiError | None] = lambda *_: None
        """What the API server has against a write, by verb, kind and name."""
        self.absent_kinds: set[str] = set()
        """Kinds that the cluster does not have: nothing of them can be made."""
        self._applied: dict[tuple[str, str, str], dict[str, Manifest]] = {}
        self._version = 0
        for each in objects:
            self.put(each)

    def put(self, body: Manifest) -> None:
        """Have an object there, without it counting as a write."""
        body = copy.deepcopy(body)
        self._version += 1
        body["metadata"].setdefault("uid", f"uid-{self._version}")
        body["metadata"].setdefault("creationTimestamp", NOW)
        body["metadata"].setdefault("generation", 1)
        body["metadata"]["resourceVersion"] = str(self._version)
        self.objects[_id(body)] = body

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    def metadata(self, kind: str, namespace: str, name: str) -> Manifest | None:
        live = self.get(kind, namespace, name)
        return live and {"metadata": live["metadata"]}

    def list(self, kind: str, namespace: str = "", selector: str = "", fields: str = "") -> list[Manifest]:
        if fields and not self.selects_fields:
            raise ApiError(400, "field label not supported")
        wanted = dict(term.split("=") for term in selector.split(",") if term)
        values = dict(term.split("=") for term in fields.split(",") if term)
        return [
            copy.deepcopy(each)
            for (its_kind, its_namespace, _), each in self.objects.items()
            if its_kind == kind
            and namespace in {"", its_namespace}
            and wanted.items() <= each["metadata"].get("labels", {}).items()
            and all(_field(each, path) == value for path, value in values.items())
        ]

    def document(self, path: str) -> Manifest:
        if self.documents is None:
            raise ApiError(403, f"GET {path}: forbidden")
        return self.documents[path]

    def apply(self, manifest: Manifest, manager: str = "") -> Manifest:
        manager = manager or FIELD_MANAGER
        self.before_apply()
        self._admit("apply", manifest)
        if manifest["kind"] in self.absent_kinds:
            raise ApiError(404, "the server could not find the requested resource")
        live = self.objects.get(_id(manifest))
        for field in ("uid", "resourceVersion"):
            wanted = manifest["metadata"].get(field)
            if wanted and (live is None or live["metadata"][field] != wanted):
                raise ApiError(409, field)
        applied = self._applied.get(_id(manifest), {}) if live else {}
        before = applied.get(manager, {})
        for other in (body for name, body in applied.items() if name != manager):
            before = _minus(before, other)
        merged = _merged(_without(live or {}, before, manifest), manifest)
        self._applied[_id(manifest)] = {**applied, manager: copy.deepcopy(manifest)}
        merged["metadata"]["managedFields"] = [
            {"manager": name, "operation": "Apply", "fieldsV1": _fields(body)}
            for name, body in self._applied[_id(manifest)].items()
        ]
        if live and live.get("spec") != merged.get("spec"):
            merged["metadata"]["generation"] += 1
        self.put(merged)
        self._wrote("apply", manifest)
        return copy.deepcopy(self.objects[_id(manifest)])

    def would_apply(self, manifest: Manifest) -> None:
        self._admit("apply", manifest)

    def patch(
        self, kind: str, namespace: str, name: str, patch: Manifest, subresource: str = ""
    ) -> Manifest | None:
        live = self.objects.get((kind, namespace, name))
        if live is None:
            return None
        self._admit(f"patch {subresource}".strip(), live)
        version = patch.get("metadata", {}).get("resourceVersion", live["metadata"]["resourceVersion"])
        if version != live["metadata"]["resourceVersion"]:
            raise ApiError(409, "resourceVersion")
        if patch.get("metadata", {}).get("uid", live["metadata"]["uid"]) != live["metadata"]["uid"]:
            raise ApiError(409, "uid")
        self.put(_merged(live, patch))
        live = self.objects[_id(live)]
        freed = "finalizers" in patch.get("metadata", {}) and not live["metadata"].get("finalizers")
        if freed and "deletionTimestamp" in live["metadata"]:
            del self.objects[_id(live)]
        self._wrote(f"patch {subresource}".strip(), live)
        return copy.deepcopy(live)

    def create(self, manifest: Manifest) -> None:
        self._admit("create", manifest)
        if manifest["kind"] == "Event":
            self.events.append(manifest)
            return
        if _id(manifest) in self.objects:
            raise ApiError(409, "exists")
        self.put(manifest)
        self._wrote("create", manifest)

    def delete(self, kind: str, namespace: str, name: str, uid: str) -> None:
        live = self.objects.get((kind, namespace, name))
        if live and live["metadata"]["uid"] == uid:
            self._admit("delete", live)
            del self.objects[_id(live)]
            self._wrote("delete", live)

    def _admit(self, verb: str, body: Manifest) -> None:
        error = self.refusal(verb, body["kind"], body["metadata"].get("name", ""))
        if error is not None:
            raise error

    def _wrote(self, verb: str, body: Manifest) -> None:
        self.writes.append(f"{verb} {body['kind']} {body['metadata']['name']}")
        self.after_write()


def _id(body: Manifest) -> tuple[str, str, str]:
    return body["kind"], body["metadata"].get("namespace", ""), body["metadata"]["name"]


def _field(body: Any, path: str) -> str:
    for name in path.split("."):
        body = body.get(name, "")
    return str(body)


def _without(live: Any, before: Any, now: Any) -> Any:
    """Remove what its owner applied before and does not apply now."""
    if not (isinstance(live, dict) and isinstance(before, dict) and isinstance(now, dict)):
        return live
    gone = set(before) - set(now)
    return {key: _without(value, before.get(key), now.get(key)) for key, value in live.items() if key not in gone}


def _minus(before: Any, other: Any) -> Any:
    """Leave out what somebody else has applied, too."""
    if not (isinstance(before, dict) and isinstance(other, dict)):
        return before
    kept = {key: _minus(value, other.get(key)) for key, value in before.items()}
    return {key: value for key, value in kept.items() if key not in other or isinstance(value, dict)}


def _fields(body: Any) -> Manifest:
    return {f"f:{key}": _fields(value) for key, value in body.items()} if isinstance(body, dict) else {}


def _merged(live: Any, patch: Any) -> Any:
    if not (isinstance(live, dict) and isinstance(patch, dict)):
        return copy.deepcopy(patch)
    merged = {**live, **{key: _merged(live.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def index_body(name: str = "main", namespace: str = "packages", **changes: Any) -> Manifest:
    """Return a PackageIndex as the API server has it.

    `s3__bucket="x"`, `access={}`, `spec={}`, `uid="u"`...
    """
    s3: Manifest = {
        "bucket": "acme",
        "region": "",
        "prefix": "",
        "endpoint": "",
        "provision": {"bucket": True, "user": True},
    }
    s3 |= {key.removeprefix("s3__"): value for key, value in changes.items() if key.startswith("s3__")}
    return {
        "apiVersion": API_VERSION,
        "kind": INDEX,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": changes.get("uid", f"uid-of-{name}"),
            "generation": 1,
            "creationTimestamp": changes.get("created", NOW),
            "labels": {"app.kubernetes.io/instance": "argo", "team": "a"},
            "annotations": changes.get("annotations", {}),
        },
        "spec": {
            "storage": changes.get(
                "storage", {"s3": {key: value for key, value in s3.items() if value is not None}}
            ),
            "deletionPolicy": changes.get("deletion_policy", "Retain"),
            "replicas": changes.get("replicas", 2),
            "access": changes.get("access", {"grants": [], "users": {"namespaces": {"from": "Same"}}}),
            **changes.get("spec", {}),
        },
    }


def own_credentials(name: str = "keys") -> Manifest:
    """Return the s3 changes of an index with its own credentials."""
    return {"s3__provision": {}, "s3__credentials": {"secretRef": {"name": name}}}


def user_body(name: str = "jenkins", namespace: str = "packages", **changes: Any) -> Manifest:
    """Return an IndexUser as the API server has it."""
    return {
        "apiVersion": API_VERSION,
        "kind": USER,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": changes.get("uid", f"uid-of-{namespace}-{name}"),
            "generation": 1,
            "annotations": changes.get("annotations", {}),
        },
        "spec": {
            "indexRef": {"name": "main", "namespace": changes.get("index_namespace", "packages")},
            "groups": changes.get("groups", []),
            "grants": changes.get("grants", []),
            "credentials": {"secretName": changes.get("secret_name", ""), **changes.get("credentials", {})},
            "serviceAccounts": [{"name": name} for name in changes.get("service_accounts", [])],
            "trustedPublishers": changes.get("trusted_publishers", []),
        },
    }


def exception_body(name: str = "urllib3", namespace: str = "ci", **changes: Any) -> Manifest:
    """Return a PackageException as the API server has it; `rules` is `spec.from`."""
    return {
        "apiVersion": API_VERSION,
        "kind": EXCEPTION,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": changes.pop("uid", f"uid-of-{namespace}-{name}"),
            "generation": 1,
            "creationTimestamp": changes.pop("created", NOW),
        },
        "spec": {
            "indexRef": {"name": "main", "namespace": "packages"},
            "packages": ["urllib3"],
            "versions": "==2.6.1",
            "from": changes.pop("rules", ["cooldown"]),
            "until": "2026-12-15",
            "reason": "SEC-412",
            "approvedBy": "",
            **changes,
        },
    }


def an_exception(name: str = "urllib3", namespace: str = "ci", **changes: Any) -> PackageException:
    return PackageException.parse(exception_body(name, namespace, **changes))


def an_index(name: str = "main", namespace: str = "packages", **changes: Any) -> PackageIndex:
    return PackageIndex.parse(index_body(name, namespace, **changes))


def s3_of(index: PackageIndex) -> S3Storage:
    """Return the storage of an index that keeps everything in S3."""
    assert isinstance(index.storage, S3Storage)
    return index.storage


def a_user(name: str = "jenkins", namespace: str = "packages", **changes: Any) -> IndexUser:
    return IndexUser.parse(user_body(name, namespace, **changes))


def an_accepted_user(user: IndexUser, index: PackageIndex | None = None, **credentials: Any) -> AcceptedUser:
    """Return a user's login at an index, with a token that no client has."""
    return AcceptedUser(
        user, rights(index or an_index(), user), Credentials(**{"token": TOKEN, "issued": NOW, **credentials})
    )


def namespace_body(name: str, **labels: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def server_pod(name: str = "p", index: str = "main", **metadata: Any) -> Manifest:
    """Return a pod that the Deployment of an index made."""
    labels = {"wheelyard.dev/index": index, "pod-template-hash": "abc"}
    owner = {"kind": "ReplicaSet", "name": f"wheelyard-{index}-abc", "uid": "r", "controller": True}
    where = {"name": name, "namespace": "packages", "labels": labels, "ownerReferences": [owner]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**where, **metadata}}


def condition(body: Manifest, kind: str) -> Manifest:
    """Return one condition of a live object."""
    (found,) = (each for each in body["status"]["conditions"] if each["type"] == kind)
    return dict(found)
