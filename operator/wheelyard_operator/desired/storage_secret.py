"""The Secret with the S3 credentials that the operator made for an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelyard_operator.desired.common import encoded, index_metadata

if TYPE_CHECKING:
    from wheelyard_operator.resource import Manifest, PackageIndex

KEY_ID = "AWS_ACCESS_KEY_ID"
KEY_SECRET = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a field
SESSION_TOKEN = "AWS_SESSION_TOKEN"  # noqa: S105 - the name of a field


def storage_secret(index: PackageIndex, key_id: str, secret: str) -> Manifest:
    """Hold one access key."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": index_metadata(index, index.storage_secret_name),
        "type": "Opaque",
        "data": encoded({KEY_ID: key_id, KEY_SECRET: secret}),
    }
