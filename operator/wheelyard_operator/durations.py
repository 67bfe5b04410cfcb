"""Durations as every field and Helm value has them.

A whole number and one unit, such as 30s or 7d.
"""

import re

PATTERN = "^(0|[1-9][0-9]{0,6})([smhd])$"
"""The same text is in the schemas of the CRDs and of the Helm chart."""
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_duration(text: str) -> int:
    """Return the seconds of a duration. Raise ValueError for anything else.

    The range of each field is checked by its schema.
    """
    found = re.fullmatch(PATTERN, text)
    if found is None:
        raise ValueError(f"{text!r} is not a duration: a whole number with s, m, h or d, such as 30s or 7d")
    number, unit = found.groups()
    return int(number) * _SECONDS[unit]
