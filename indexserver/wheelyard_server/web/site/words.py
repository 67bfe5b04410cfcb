"""Foreign texts, sizes and times as pages show them."""

from datetime import UTC, datetime

MAX_LINE_LENGTH = 500
"""Characters of a foreign text on one line."""
_JOINERS = "\u200c\u200d"
"""Invisible, but part of words of some scripts, and of emoji."""
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def line(text: str, max_length: int = MAX_LINE_LENGTH) -> str:
    """Return a foreign text on one line, without characters that change the order or place of others."""
    # Only the beginning of a long text is worth the work.
    shown = block(" ".join(text[: 4 * max_length].split()))
    return shown if len(shown) <= max_length else f"{shown[: max_length - 1]}\u2026"


def block(text: str) -> str:
    """Return a foreign text of several lines, with a replacement character for each that cannot be seen.

    Characters such as U+202E would show the text around them in another order
    (https://trojansource.codes/).
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() or character in "\n\t" or character in _JOINERS else "\ufffd"


def size(count: int) -> str:
    """Return a number of bytes with a unit."""
    value, unit = float(count), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{count} bytes" if not unit else f"{value:.1f} {_UNITS[unit]}"


def day(moment: datetime) -> str:
    """Return the day of a time, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d")


def minute(moment: datetime) -> str:
    """Return a time in UTC, without its seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"
