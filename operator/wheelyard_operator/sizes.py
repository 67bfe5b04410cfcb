"""Sizes as every field has them: the binary quantities of Kubernetes, such as 5Gi or 1048576.

Decimal units are refused: 5G is 7 % less than 5Gi, and for Kubernetes 5m is 0.005.
"""

import re

PATTERN = "^([1-9][0-9]*)(Ki|Mi|Gi|Ti)?$"
"""The same text is in the schemas of the CRDs."""
_BYTES = {"": 1, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}


def parse_size(text: str) -> int:
    """Return the bytes of a size. Raise ValueError for anything else."""
    found = re.fullmatch(PATTERN, text)
    if found is None:
        raise ValueError(f"{text!r} is not a size: a whole number of bytes, or with Ki, Mi, Gi or Ti, such as 5Gi")
    number, unit = found.groups(default="")
    return int(number) * _BYTES[unit]
