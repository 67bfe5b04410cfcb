"""Which format index servers may write to their storage: they read it in a file of the access Secret.

A server of an older release cannot read a newer format. So it is raised when every pod knows it, and withdrawn when
one comes that does not. What is in the storage by then does not go back: such a server refuses to start.
"""

from collections.abc import Sequence

from wheelyard_operator.desired.common import decoded
from wheelyard_operator.resource import OLDEST_FORMAT, Manifest

STORAGE_FORMAT = "storage-format"
"""The file, and the key of the Secret."""
_MOST_DIGITS = 4
"""Others may have written the Secret, and Python refuses numbers with thousands of digits."""


def given(secret: Manifest | None) -> int:
    """Return the format that an access Secret lets its servers write."""
    text = decoded(secret, STORAGE_FORMAT).strip() if secret else ""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else OLDEST_FORMAT


def allowed(before: int, known: Sequence[int | None]) -> int:
    """Return the format that servers may write, by what each pod knows; None is a pod that has not answered."""
    told = [each for each in known if each is not None]
    if told and len(told) == len(known):
        return min(told)
    return min([before, *told])
