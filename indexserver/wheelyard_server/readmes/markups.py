"""The markup of a README, by `Description-Content-Type`.

https://packaging.python.org/en/latest/specifications/core-metadata/#description-content-type
"""

import re
from enum import StrEnum

_VARIANT = re.compile(r";\s*variant\s*=\s*\"?commonmark\b", re.IGNORECASE)


class Markup(StrEnum):
    """A markup that can be rendered."""

    GFM = "GFM"
    """GitHub Flavored Markdown, which Markdown without a variant is, too."""
    COMMONMARK = "CommonMark"
    RST = "RST"


def markup_of(content_type: str) -> Markup | None:
    """Return the markup of a content type, "" if the project gives none; None is plain text.

    Like PyPI, this takes a text without a content type for reStructuredText.
    """
    match content_type.partition(";")[0].strip().lower():
        case "text/markdown":
            return Markup.COMMONMARK if _VARIANT.search(content_type) else Markup.GFM
        case "text/x-rst" | "":
            return Markup.RST
        case _:
            return None
