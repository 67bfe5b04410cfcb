"""Globs on package names, compared in bounded time: a tenant writes them, and all indexes wait."""

MAX_STARS = 8
MAX_LENGTH = 128
"""The length of one glob. The CRDs and the index server have the same bounds."""


def is_bounded(glob: str) -> bool:
    """Return whether a glob is within the bounds."""
    return len(glob) <= MAX_LENGTH and glob.count("*") <= MAX_STARS


def includes(outer: str, inner: str) -> bool:
    """Return whether a glob matches all names that another one matches.

    For globs with `?`, False may be wrong. The inner glob is read as a text that represents its
    names: only an outer `*` matches a `*` in it. On a mismatch only the last `*` takes one more
    character, and no earlier one is tried again, because a text that matches does so with every
    star as short as possible. There are at most len(outer) * len(inner) comparisons.
    """
    place = star = resume = 0
    at, has_star = 0, False
    while at < len(inner):
        wanted = outer[place] if place < len(outer) else ""
        if wanted == "*":
            has_star, star, resume = True, place + 1, at
            place = star
        elif wanted and _meets(wanted, inner[at]):
            place, at = place + 1, at + 1
        elif has_star:
            resume += 1
            place, at = star, resume
        else:
            return False
    return not outer[place:].strip("*")


def _meets(wanted: str, char: str) -> bool:
    return wanted == char or (wanted == "?" and char != "*")
