"""What a provider says of an error, as it can be shown to people (RFC 6749, sections 4.1.2.1 and 5.2)."""

MAX_LENGTH = 300


def provider_words(code: str, description: str) -> str:
    """Return an error code and its description in one bounded line, "" if there is neither."""
    words = ": ".join(each for each in (_line(code), _line(description)) if each)
    return words if len(words) <= MAX_LENGTH else f"{words[: MAX_LENGTH - 3]}..."


def _line(text: str) -> str:
    """Return a text without anything that could pretend to be another line, or turn the direction of writing."""
    return " ".join("".join(each if each.isprintable() else " " for each in text[: 4 * MAX_LENGTH]).split())
