"""Reads everything that a reconciliation reads from the cluster, into frozen values.

Only `apply` reads, too: the live child that it is about to write.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.resource import (
    EXCEPTION,
    INDEX,
    INDEX_LABEL,
    INDEX_NAMESPACE_LABEL,
    USER,
    USER_LABEL,
    IndexUser,
    Key,
    Manifest,
    PackageException,
    PackageIndex,
    VolumeStorage,
)

log = logging.getLogger(__name__)

_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True)
class ObservedUser:
    """An IndexUser, the labels of its namespace (None if that does not exist), and its Secrets."""

    user: IndexUser
    namespace_labels: dict[str, str] | None
    secrets: tuple[Manifest, ...]
    """Every Secret with its label: its own, under the current name and earlier ones, and any that
    people label."""
    password_secret: Manifest | None = None
    """The Secret with the chosen password; read only for the reconciliation of the user itself."""


@dataclass(frozen=True)
class ObservedIndex:
    """A PackageIndex, and everything in the cluster that decides what it should be."""

    index: PackageIndex
    users: tuple[ObservedUser, ...]
    storage_secret: Manifest | None
    access_secret: Manifest | None
    deployment: Manifest | None
    pods: tuple[Manifest, ...]
    """Also those that are terminating."""
    volume_claim: Manifest | None
    """None for an index in S3."""
    certificate_secret: Manifest | None
    """None without TLS at an Ingress."""
    tokens_secret: Manifest | None = None
    """The Secret with tokens for upstreams."""
    upstream_secrets: Mapping[str, Manifest | None] = field(default_factory=dict)
    """By name: the Secrets that upstreams name; None if there is no such Secret."""
    webhook_secret: Manifest | None = None
    """The Secret that signs events."""
    client_secret: Manifest | None = None
    """The Secret with which the index signs in people at its provider."""
    policy_configmap: Manifest | None = None
    """The ConfigMap with the policy file: it has when the exceptions of the index were first seen. Not
    read for an index without any."""
    exceptions: tuple[PackageException, ...] = ()
    """Those of this index; none are read for an index that consents to none."""


def read_index(kube: Kube, key: Key) -> PackageIndex | None:
    """Return the index, None if it does not exist."""
    body = kube.get(INDEX, key.namespace, key.name)
    return PackageIndex.parse(body) if body else None


def read_user(kube: Kube, key: Key) -> IndexUser | None:
    """Return the user, None if it does not exist."""
    body = kube.get(USER, key.namespace, key.name)
    return IndexUser.parse(body) if body else None


def observe_index(kube: Kube, index: PackageIndex) -> ObservedIndex:
    """Read everything that decides what an index should be, each object once.

    Its pods are read again when their access file was written: see `reconcile.server_access`.
    """
    namespace = index.meta.namespace
    on_volume = isinstance(index.storage, VolumeStorage)
    sign_on = index.web.single_sign_on
    return ObservedIndex(
        index=index,
        users=_users(kube, index),
        storage_secret=kube.get("Secret", namespace, index.storage_secret_name),
        access_secret=kube.get("Secret", namespace, index.access_secret_name),
        deployment=read_deployment(kube, index),
        pods=read_pods(kube, index),
        volume_claim=kube.get("PersistentVolumeClaim", namespace, index.child_name) if on_volume else None,
        certificate_secret=_named_secret(kube, namespace, index.external.tls_secret_name(index.child_name)),
        tokens_secret=kube.get("Secret", namespace, index.tokens_secret_name),
        upstream_secrets={
            name: kube.get("Secret", namespace, name) for name in sorted(index.upstream_secret_names)
        },
        webhook_secret=_named_secret(kube, namespace, index.webhook.secret_name if index.webhook else ""),
        client_secret=_named_secret(kube, namespace, sign_on.secret_name if sign_on else ""),
        policy_configmap=_policy_configmap(kube, index),
        exceptions=_exceptions(kube, index),
    )


def read_exception(kube: Kube, key: Key) -> PackageException | None:
    """Return the exception, None if it does not exist."""
    body = kube.get(EXCEPTION, key.namespace, key.name)
    return PackageException.parse(body) if body else None


def read_policy_metadata(kube: Kube, index: PackageIndex) -> Manifest | None:
    """Return the ConfigMap with the policy file, without its content."""
    return kube.metadata("ConfigMap", index.meta.namespace, index.policy_configmap_name)


def observe_user(kube: Kube, user: IndexUser) -> ObservedUser:
    """Read everything that decides what a user should have."""
    namespace = user.meta.namespace
    return ObservedUser(
        user=user,
        namespace_labels=_namespace_labels(kube, namespace),
        secrets=tuple(kube.list("Secret", namespace, f"{USER_LABEL}={user.meta.name}")),
        password_secret=_named_secret(kube, namespace, user.password_secret_name),
    )


def read_access_secret_metadata(kube: Kube, index: PackageIndex) -> Manifest | None:
    """Return the Secret with the access file, without its content."""
    return kube.metadata("Secret", index.meta.namespace, index.access_secret_name)


def read_access_secret(kube: Kube, index: PackageIndex) -> Manifest | None:
    """Return the Secret with the access file."""
    return kube.get("Secret", index.meta.namespace, index.access_secret_name)


def is_terminating(kube: Kube, namespace: str) -> bool:
    """Return whether the namespace is being deleted.

    Nothing that is missing in it must be created then.
    """
    found = kube.get("Namespace", "", namespace)
    return found is None or "deletionTimestamp" in found["metadata"]


def read_deployment(kube: Kube, index: PackageIndex) -> Manifest | None:
    """Return the Deployment of an index's servers."""
    return kube.get("Deployment", index.meta.namespace, index.child_name)


def read_pods(kube: Kube, index: PackageIndex) -> tuple[Manifest, ...]:
    """Return the pods of the index's servers, also those that are terminating."""
    found = kube.list("Pod", index.meta.namespace, f"{INDEX_LABEL}={index.meta.name}")
    return tuple(pod for pod in found if _is_server(pod, index))


def _is_server(pod: Manifest, index: PackageIndex) -> bool:
    """Return whether the index's own Deployment created a pod: anyone can put the labels on one.

    A Deployment names its ReplicaSets after itself and the hash that their pods carry.
    """
    template = pod["metadata"].get("labels", {}).get("pod-template-hash", "")
    maker = ("ReplicaSet", f"{index.child_name}-{template}")
    return any((each["kind"], each["name"]) == maker for each in pod["metadata"].get("ownerReferences", ()))


def staying(found: tuple[Manifest, ...]) -> tuple[Manifest, ...]:
    """Return the pods that are not terminating."""
    return tuple(pod for pod in found if "deletionTimestamp" not in pod["metadata"])


def _users(kube: Kube, index: PackageIndex) -> tuple[ObservedUser, ...]:
    every = _parsed(IndexUser.parse, read_bodies(kube, USER, index))
    users = [user for user in every if user.index == index.meta.key and not user.meta.deleting]
    selector = f"{INDEX_NAMESPACE_LABEL}={index.meta.namespace},{INDEX_LABEL}={index.meta.name}"
    secrets: dict[tuple[str, str], list[Manifest]] = {}
    for body in kube.list("Secret", selector=selector) if users else ():
        metadata = body["metadata"]
        secrets.setdefault((metadata["namespace"], metadata["labels"].get(USER_LABEL, "")), []).append(body)
    labels = {namespace: _namespace_labels(kube, namespace) for namespace in _homes(users)}
    return tuple(
        ObservedUser(
            user=user,
            namespace_labels=labels[user.meta.namespace],
            secrets=tuple(secrets.get((user.meta.namespace, user.meta.name), ())),
        )
        for user in users
    )


def _policy_configmap(kube: Kube, index: PackageIndex) -> Manifest | None:
    if index.policy is None or not index.policy.exceptions:
        return None
    return kube.get("ConfigMap", index.meta.namespace, index.policy_configmap_name)


def _exceptions(kube: Kube, index: PackageIndex) -> tuple[PackageException, ...]:
    if index.policy is None or not index.policy.consents:
        return ()
    every = _parsed(PackageException.parse, read_bodies(kube, EXCEPTION, index))
    return tuple(each for each in every if each.index == index.meta.key and not each.meta.deleting)


def read_bodies(kube: Kube, kind: str, index: PackageIndex, namespace: str = "") -> list[Manifest]:
    """Return at least all users or exceptions of an index: in one namespace, its own, or in all.

    Those of other indexes are only read if the API server cannot select by field.
    """
    name, ref_namespace = f"spec.indexRef.name={index.meta.name}", "spec.indexRef.namespace"
    try:
        own = kube.list(kind, index.meta.namespace, fields=f"{name},{ref_namespace}=")
        return [*own, *kube.list(kind, namespace, fields=f"{name},{ref_namespace}={index.meta.namespace}")]
    except ApiError as error:
        if error.status != 400:
            raise
        # The CRD is older than the operator: Helm never upgrades one.
        return kube.list(kind, namespace)


def _parsed(parse: Callable[[Manifest], _Parsed], bodies: Iterable[Manifest]) -> Iterator[_Parsed]:
    """Parse resources; one that does not match its schema must not block those of other teams."""
    for body in bodies:
        try:
            yield parse(body)
        except Exception:
            metadata = body["metadata"]
            log.exception("%s %s/%s cannot be parsed", body["kind"], metadata["namespace"], metadata["name"])


def _named_secret(kube: Kube, namespace: str, name: str) -> Manifest | None:
    return kube.get("Secret", namespace, name) if name else None


def _homes(users: list[IndexUser]) -> set[str]:
    return {user.meta.namespace for user in users}


def _namespace_labels(kube: Kube, namespace: str) -> dict[str, str] | None:
    body = kube.get("Namespace", "", namespace)
    return None if body is None else dict(body["metadata"].get("labels", {}))
