"""Names, labels, owners and digests, which all children share."""

import base64
import hashlib
import json
from typing import Any

from wheelyard_operator.resource import (
    API_VERSION,
    GROUP,
    INDEX_LABEL,
    INDEX_NAMESPACE_LABEL,
    MANAGED_BY_LABEL,
    OPERATOR,
    USER_LABEL,
    IndexUser,
    Manifest,
    Meta,
    PackageIndex,
)

CONFIG_ANNOTATION = f"{GROUP}/config"
"""On the pod template: a digest of the configuration, which pods read only when they start."""
POLICY_ANNOTATION = f"{GROUP}/policy"
"""On pods: the digest of the policy file, with the same effect as `ACCESS_ANNOTATION`."""
ACCESS_ANNOTATION = f"{GROUP}/access"
"""On pods: the digest of the access file. Changing it makes the kubelet sync the Secret at once."""

SERVER = "index"
"""The container of an index server."""


def selector_labels(index: PackageIndex) -> dict[str, str]:
    """Return the selector of an index's pods.

    It is permanent: a Deployment's selector cannot change.
    """
    return {
        "app.kubernetes.io/name": "wheelyard",
        "app.kubernetes.io/component": "index-server",
        INDEX_LABEL: index.meta.name,
    }


def index_metadata(index: PackageIndex, name: str) -> Manifest:
    """Return a child's metadata.

    The index's labels are not copied: GitOps tools would prune the child.
    """
    return {
        "name": name,
        "namespace": index.meta.namespace,
        "labels": {**selector_labels(index), MANAGED_BY_LABEL: OPERATOR},
        "ownerReferences": [owner_reference(index.meta)],
    }


def user_metadata(user: IndexUser, name: str) -> Manifest:
    """Return a user's child's metadata; the labels lead from it to the user and to the index."""
    return {
        "name": name,
        "namespace": user.meta.namespace,
        "labels": {
            "app.kubernetes.io/name": "wheelyard",
            MANAGED_BY_LABEL: OPERATOR,
            USER_LABEL: user.meta.name,
            INDEX_LABEL: user.index.name,
            INDEX_NAMESPACE_LABEL: user.index.namespace,
        },
        "ownerReferences": [owner_reference(user.meta)],
    }


def owner_reference(meta: Meta) -> Manifest:
    """Return the reference by which the garbage collector removes a child after its resource."""
    return {
        "apiVersion": API_VERSION,
        "kind": meta.kind,
        "name": meta.name,
        "uid": meta.uid,
        "controller": True,
    }


def content_digest(content: Any) -> str:
    """Return a digest of content alone: versions and metadata change without it."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def encoded(data: dict[str, str]) -> dict[str, str]:
    """Return a Secret's `data`."""
    return {key: base64.b64encode(value.encode()).decode("ascii") for key, value in data.items()}


def decoded(secret: Manifest, key: str) -> str:
    """Return one value of a Secret, "" if it is absent or no text."""
    try:
        return base64.b64decode(secret.get("data", {}).get(key, ""), validate=True).decode()
    except ValueError:
        return ""
