"""Applies desired objects to the cluster: only if they differ, and only the operator's own."""

import hashlib
import json
from typing import Any

from wheelyard_operator.kube import FIELD_MANAGER, HANDED_OVER, Kube
from wheelyard_operator.resource import Manifest, Meta

APPLIED = "wheelyard.dev/applied"
"""Annotation of every child: a digest of the applied manifest, so that removed fields are noticed."""
_KEPT = {"PersistentVolumeClaim"}
"""Kinds whose objects a deletionPolicy may retain, and a later index adopts again."""


class NotOursError(Exception):
    """An object of this name exists and belongs to someone else: it is not changed."""

    def __init__(self, live: Manifest) -> None:
        metadata = live["metadata"]
        self.object = f"{live['kind']} {metadata['namespace']}/{metadata['name']}"
        super().__init__(f"{self.object} exists and was not made for this resource")


class LeavingError(Exception):
    """The object of a deleted predecessor is still being removed: retry soon."""


class Applier:
    """Applies and removes the children of one resource."""

    def __init__(self, kube: Kube, owner: Meta) -> None:
        self._kube = kube
        self._owner = owner

    def ensure(self, desired: Manifest) -> Manifest:
        """Return the live object, written only if it differs.

        Raise NotOursError or LeavingError.
        """
        metadata = desired["metadata"]
        live = self._kube.get(desired["kind"], metadata["namespace"], metadata["name"])
        wanted = _with_digest(desired)
        if live is None:
            return self._kube.apply(wanted)
        self._check(live, desired)
        if covers(live, wanted):
            return live
        # The uid makes the API server refuse if another object has taken the name meanwhile.
        return self._kube.apply({**wanted, "metadata": {**wanted["metadata"], "uid": live["metadata"]["uid"]}})

    def would_ensure(self, desired: Manifest) -> None:
        """Raise what `ensure` would raise; nothing is written."""
        metadata = desired["metadata"]
        live = self._kube.get(desired["kind"], metadata["namespace"], metadata["name"])
        if live is not None:
            self._check(live, desired)
        self._kube.would_apply(desired)

    def hand_over_field(self, live: Manifest, field: str) -> None:
        """Hand a field of an object's spec over to others, before applying it without the field.

        Its value stays. Otherwise the API server would reset it, since no one else owns it.
        https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
        """
        metadata = live["metadata"]
        if is_owned(live, self._owner) and _is_managed(live, field):
            identity = {key: metadata[key] for key in ("name", "namespace", "uid")}
            spec = {field: live["spec"][field]}
            self._kube.apply(
                {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": identity, "spec": spec},
                HANDED_OVER,
            )

    def check_owned(self, live: Manifest) -> None:
        """Raise NotOursError if an object was not made for this resource."""
        if not is_owned(live, self._owner):
            raise NotOursError(live)

    def own(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return a live child, None if there is none that was made for this resource."""
        live = self._kube.get(kind, namespace, name)
        return live if live is not None and is_owned(live, self._owner) else None

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Delete a child that is no longer wanted; objects of others stay."""
        live = self.own(kind, namespace, name)
        if live is not None:
            self._kube.delete(kind, namespace, name, live["metadata"]["uid"])

    def _check(self, live: Manifest, desired: Manifest) -> None:
        if is_owned(live, self._owner) or _is_kept(live, desired):
            if "deletionTimestamp" in live["metadata"]:
                raise LeavingError
            return
        if _of_predecessor(live, self._owner):
            raise LeavingError
        raise NotOursError(live)


def is_owned(live: Manifest, owner: Meta) -> bool:
    """Return whether the object was made for exactly this resource, by uid: names are reused."""
    return any(each.get("uid") == owner.uid for each in _controllers(live))


def covers(live: Any, desired: Any) -> bool:
    """Return whether the live value contains the desired one, whatever else it contains.

    Defaults of the API server and fields of others do not count; the API server leaves out empty
    lists. In lists of objects, each desired item must be covered by a live one; lists of plain
    values must be equal.
    """
    if isinstance(desired, dict):
        return isinstance(live, dict) and all(
            covers(live[key], value) if key in live else value == [] for key, value in desired.items()
        )
    if isinstance(desired, list) and desired and all(isinstance(each, dict) for each in desired):
        return isinstance(live, list) and all(any(covers(item, each) for item in live) for each in desired)
    return bool(live == desired)


def _is_kept(live: Manifest, desired: Manifest) -> bool:
    """Return whether it may have outlived its index, and has no other owner."""
    kept = desired["kind"] in _KEPT and not _controllers(live)
    return kept and covers(live["metadata"].get("labels", {}), desired["metadata"]["labels"])


def _with_digest(desired: Manifest) -> Manifest:
    text = json.dumps(desired, sort_keys=True, separators=(",", ":"))
    annotations = {
        **desired["metadata"].get("annotations", {}),
        APPLIED: hashlib.sha256(text.encode()).hexdigest()[:32],
    }
    return {**desired, "metadata": {**desired["metadata"], "annotations": annotations}}


def _of_predecessor(live: Manifest, owner: Meta) -> bool:
    return any((each["kind"], each["name"]) == (owner.kind, owner.name) for each in _controllers(live))


def _is_managed(live: Manifest, field: str) -> bool:
    return any(
        (each["manager"], each["operation"]) == (FIELD_MANAGER, "Apply")
        and f"f:{field}" in each["fieldsV1"].get("f:spec", {})
        for each in live["metadata"].get("managedFields", ())
    )


def _controllers(live: Manifest) -> list[Manifest]:
    return [each for each in live["metadata"].get("ownerReferences", ()) if each.get("controller")]
