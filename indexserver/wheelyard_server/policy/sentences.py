"""The sentence that explains a refusal: the rule, its time, and where to ask for an exception.

It is the reason phrase of an answer, too. So it is short, and ASCII on one line: reasons and
names come from other people.
"""

MAX_SENTENCE_LENGTH = 300
MAX_NAME_LENGTH = 80
_MIN_TEXT_LENGTH = 100


def sentence(text: str, hint: str = "") -> str:
    """Return the text with a hint behind it. A text that is too long is cut, but never the hint."""
    kept = plain(hint, MAX_SENTENCE_LENGTH - _MIN_TEXT_LENGTH)
    end = f". {kept}" if kept else ""
    return plain(text, MAX_SENTENCE_LENGTH - len(end)) + end


def plain(text: str, max_length: int = MAX_NAME_LENGTH) -> str:
    """Return a text in printable ASCII on one line, with at most `max_length` characters."""
    if len(text) <= max_length and text.isascii() and text.isprintable():
        return text
    # No text is longer than some kilobytes, but only the beginning is worth the work.
    line = " ".join(text[: 4 * max_length].split()).encode("ascii", "replace").decode()
    printable = "".join(character if character.isprintable() else "?" for character in line)
    return printable if len(printable) <= max_length else f"{printable[: max_length - 3]}..."
