"""What a person asks of the operator: an annotation on a resource."""

from wheelyard_operator.kube import Kube
from wheelyard_operator.resource import IndexUser, PackageIndex


def annotate(kube: Kube, resource: PackageIndex | IndexUser, name: str, value: str | None) -> None:
    """Set an annotation, or remove it by None; of exactly this resource, not of a successor of its name."""
    meta = resource.meta
    metadata = {"uid": meta.uid, "annotations": {name: value}}
    kube.patch(meta.kind, meta.namespace, meta.name, {"metadata": metadata})


def named(resource: PackageIndex | IndexUser) -> str:
    """Return its name, as people say it."""
    return f"{resource.meta.kind} {resource.meta.namespace}/{resource.meta.name}"
