"""The Secret with access.yaml: digests only, but who may do what is nobody else's business either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelyard_operator.desired.access_file import ACCESS_FILE
from wheelyard_operator.desired.common import encoded, index_metadata

if TYPE_CHECKING:
    from wheelyard_operator.resource import Manifest, PackageIndex


def access_secret(index: PackageIndex, access_yaml: str) -> Manifest:
    """Hold access.yaml."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": index_metadata(index, index.access_secret_name),
        "type": "Opaque",
        "data": encoded({ACCESS_FILE: access_yaml}),
    }
