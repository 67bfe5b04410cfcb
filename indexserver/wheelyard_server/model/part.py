"""The base of all parts of a project's document: they keep the keys that they do not know."""

from typing import Self

import msgspec

UNKNOWN = " unknown"
"""The key of `unknown` until `catalog/encoding.py` replaces it. No release has a key that starts
with a space."""


class Part(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, rename="kebab"
):
    """A part of a document."""

    unknown: bytes = msgspec.field(default=b"", name=UNKNOWN)
    """JSON object of the keys of a newer release, which are written back unchanged."""

    def replace(self, **fields: object) -> Self:
        """Return a copy with other values in some fields."""
        return msgspec.structs.replace(self, **fields)
