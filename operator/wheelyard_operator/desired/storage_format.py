"""Decides which format index servers may write to their storage: it is a file of the access Secret.

A server of an older release cannot read a newer format. So the format is raised when every pod
knows it, and lowered when an older pod comes. Content that was written in the newer format stays:
the older server then refuses to start.
"""

from collections.abc import Sequence

from wheelyard_operator.desired.common import decoded
from wheelyard_operator.resource import OLDEST_FORMAT, Manifest

STORAGE_FORMAT = "storage-format"
"""The file, and the key of the Secret."""
_MAX_DIGITS = 4
"""Others may have written the Secret, and Python refuses numbers with thousands of digits."""


def read_format(secret: Manifest | None) -> int:
    """Return the format that an access Secret allows its servers to write."""
    text = decoded(secret, STORAGE_FORMAT).strip() if secret else ""
    return int(text) if text.isdecimal() and len(text) <= _MAX_DIGITS else OLDEST_FORMAT


def allowed_format(previous: int, known: Sequence[int | None]) -> int:
    """Return the format that servers may write, by that of each pod, None without an answer."""
    answered = [each for each in known if each is not None]
    if answered and len(answered) == len(known):
        return min(answered)
    return min([previous, *answered])
