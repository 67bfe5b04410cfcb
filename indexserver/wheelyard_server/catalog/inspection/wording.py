"""Quoting of untrusted text from an archive in error messages."""

_SHOWN = 100


def shown(text: str) -> str:
    """Return untrusted text in quotes, in printable ASCII, and short enough for a reason phrase."""
    # Truncate before and after: the text may be huge, and an escape takes up to ten characters.
    quoted = ascii(text[: _SHOWN + 1])
    return quoted if len(quoted) <= _SHOWN else f"{quoted[:_SHOWN]}...{quoted[0]}"
