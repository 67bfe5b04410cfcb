"""The ServiceAccount of an index's pods: a name with no rights and no token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelyard_operator.desired.common import index_metadata

if TYPE_CHECKING:
    from wheelyard_operator.resource import Manifest, PackageIndex


def serviceaccount(index: PackageIndex) -> Manifest:
    """Give the pods an identity of their own, not the namespace's default."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": index_metadata(index, index.child_name),
        "automountServiceAccountToken": False,
    }
