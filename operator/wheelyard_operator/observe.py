"""All that a reconciliation reads from the cluster, gathered into frozen values."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.resource import (
    INDEX,
    INDEX_LABEL,
    INDEX_NAMESPACE_LABEL,
    USER,
    USER_LABEL,
    IndexUser,
    Key,
    Manifest,
    PackageIndex,
)

log = logging.getLogger(__name__)

_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True)
class ObservedUser:
    """An IndexUser, the labels of its namespace (None: it is gone), and its Secrets as they are."""

    user: IndexUser
    namespace_labels: dict[str, str] | None
    secrets: tuple[Manifest, ...]
    """Whatever has its label: its own under the present name and under earlier ones, and what else people label."""


@dataclass(frozen=True)
class ObservedIndex:
    """A PackageIndex and what surrounds it."""

    index: PackageIndex
    users: tuple[ObservedUser, ...]
    storage_secret: Manifest | None
    access_secret: Manifest | None
    deployment: Manifest | None
    pods: tuple[Manifest, ...]
    """Also those that are on their way out."""


def read_index(kube: Kube, key: Key) -> PackageIndex | None:
    """Return the index, None where there is none."""
    body = kube.get(INDEX, key.namespace, key.name)
    return PackageIndex.parse(body) if body else None


def read_user(kube: Kube, key: Key) -> IndexUser | None:
    """Return the user, None where there is none."""
    body = kube.get(USER, key.namespace, key.name)
    return IndexUser.parse(body) if body else None


def observe_index(kube: Kube, index: PackageIndex) -> ObservedIndex:
    """Read all that decides what an index should be."""
    namespace = index.meta.namespace
    return ObservedIndex(
        index=index,
        users=_users(kube, index),
        storage_secret=kube.get("Secret", namespace, index.storage_secret_name),
        access_secret=kube.get("Secret", namespace, index.access_secret_name),
        deployment=kube.get("Deployment", namespace, index.child_name),
        pods=pods(kube, index),
    )


def observe_user(kube: Kube, user: IndexUser) -> ObservedUser:
    """Read all that decides what a user should have."""
    namespace = user.meta.namespace
    return ObservedUser(
        user=user,
        namespace_labels=_namespace_labels(kube, namespace),
        secrets=tuple(kube.list("Secret", namespace, f"{USER_LABEL}={user.meta.name}")),
    )


def pods(kube: Kube, index: PackageIndex) -> tuple[Manifest, ...]:
    """Return the index's servers, also those that are on their way out."""
    found = kube.list("Pod", index.meta.namespace, f"{INDEX_LABEL}={index.meta.name}")
    return tuple(pod for pod in found if _is_server(pod, index))


def _is_server(pod: Manifest, index: PackageIndex) -> bool:
    """Return whether the index's own Deployment made it: anybody can put the labels on a pod.

    A Deployment names its ReplicaSets after itself and the hash that their pods carry.
    """
    template = pod["metadata"].get("labels", {}).get("pod-template-hash", "")
    maker = ("ReplicaSet", f"{index.child_name}-{template}")
    return any((each["kind"], each["name"]) == maker for each in pod["metadata"].get("ownerReferences", ()))


def staying(found: tuple[Manifest, ...]) -> tuple[Manifest, ...]:
    """Return those that are not on their way out."""
    return tuple(pod for pod in found if "deletionTimestamp" not in pod["metadata"])


def _users(kube: Kube, index: PackageIndex) -> tuple[ObservedUser, ...]:
    every = _parsed(IndexUser.parse, _user_bodies(kube, index))
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


def _user_bodies(kube: Kube, index: PackageIndex) -> list[Manifest]:
    """Return at least all users of an index: a hundred indexes must not each read the users of all."""
    name, namespace = f"spec.indexRef.name={index.meta.name}", "spec.indexRef.namespace"
    try:
        here = kube.list(USER, index.meta.namespace, fields=f"{name},{namespace}=")
        return [*here, *kube.list(USER, fields=f"{name},{namespace}={index.meta.namespace}")]
    except ApiError as error:
        if error.status != 400:
            raise
        # The CRD is older than the operator (Helm never upgrades one), or Kubernetes than 1.31.
        return kube.list(USER)


def _parsed(parse: Callable[[Manifest], _Parsed], bodies: Iterable[Manifest]) -> Iterator[_Parsed]:
    """Read resources of anybody; one that is not as its schema has it must not hold up those of others."""
    for body in bodies:
        try:
            yield parse(body)
        except Exception:
            metadata = body["metadata"]
            log.exception("%s %s/%s cannot be read", body["kind"], metadata["namespace"], metadata["name"])


def _homes(users: list[IndexUser]) -> set[str]:
    return {user.meta.namespace for user in users}


def _namespace_labels(kube: Kube, namespace: str) -> dict[str, str] | None:
    body = kube.get("Namespace", "", namespace)
    return None if body is None else dict(body["metadata"].get("labels", {}))
