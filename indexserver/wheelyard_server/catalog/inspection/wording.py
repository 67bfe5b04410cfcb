"""How text out of an archive is shown in an error."""

_SHOWN = 100


def shown(text: str) -> str:
    """Return untrusted text in quotes, in printable ASCII, and short enough for a reason phrase."""
    # Cut before and after: the text may be huge, and an escaped character is up to ten characters long.
    quoted = ascii(text[: _SHOWN + 1])
    return quoted if len(quoted) <= _SHOWN else f"{quoted[:_SHOWN]}...{quoted[0]}"
