"""The Secret with the access file: it has digests only, but rights are confidential, too."""

from wheelyard_operator.desired.access_budget import LEFT_OUT, LeftOut
from wheelyard_operator.desired.access_file import ACCESS_FILE, packed
from wheelyard_operator.desired.common import encoded, index_metadata
from wheelyard_operator.desired.storage_format import STORAGE_FORMAT
from wheelyard_operator.resource import OLDEST_FORMAT, Manifest, PackageIndex

MINTING_KEY = "minting-key"
"""The key of the minting key, which is also in the access file."""


def access_secret(
    index: PackageIndex,
    access_text: str,
    minting_key: str,
    left_out: LeftOut | None = None,
    storage_format: int = OLDEST_FORMAT,
) -> Manifest:
    """Return the Secret with the access file, the users without room, and the storage format."""
    kept = {MINTING_KEY: minting_key} if minting_key else {}
    if left_out and left_out.first:
        kept[LEFT_OUT] = left_out.text
    if storage_format > OLDEST_FORMAT:
        kept[STORAGE_FORMAT] = f"{storage_format}\n"
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": index_metadata(index, index.access_secret_name),
        "type": "Opaque",
        "data": {ACCESS_FILE: packed(access_text), **encoded(kept)},
    }
