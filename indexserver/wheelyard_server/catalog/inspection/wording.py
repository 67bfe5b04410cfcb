"""How text out of an archive is shown in an error."""

_SHOWN = 80


def shown(text: str) -> str:
    """Return untrusted text in quotes, in printable ASCII, and short enough for a reason phrase."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
