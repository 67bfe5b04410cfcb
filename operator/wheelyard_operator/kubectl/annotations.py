"""Annotations on resources, through which people make requests to the operator."""

from wheelyard_operator.kube import Kube
from wheelyard_operator.resource import IndexUser, PackageIndex


def annotate(kube: Kube, resource: PackageIndex | IndexUser, name: str, value: str | None) -> None:
    """Set an annotation, or remove it if `value` is None.

    A newer resource with the same name is not changed: the patch names the uid.
    """
    meta = resource.meta
    metadata = {"uid": meta.uid, "annotations": {name: value}}
    kube.patch(meta.kind, meta.namespace, meta.name, {"metadata": metadata})


def display_name(resource: PackageIndex | IndexUser) -> str:
    """Return kind, namespace and name, for messages."""
    return f"{resource.meta.kind} {resource.meta.namespace}/{resource.meta.name}"
