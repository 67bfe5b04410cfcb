"""Content negotiation of pages (PEP 691; RFC 9110, section 12.5)."""

from collections.abc import Iterator
from enum import StrEnum

MAX_LIST_LENGTH = 4096
MAX_LIST_MEMBERS = 50
"""The part of a list header that counts; browsers send a dozen members."""


class MediaType(StrEnum):
    """Media types of pages; of equal preferences, the first wins."""

    TEXT_HTML = "text/html"
    JSON_V1 = "application/vnd.pypi.simple.v1+json"
    HTML_V1 = "application/vnd.pypi.simple.v1+html"

    @property
    def is_html(self) -> bool:
        """Return whether the body is HTML."""
        return self is not MediaType.JSON_V1


_LATEST = {
    "application/vnd.pypi.simple.latest+json": MediaType.JSON_V1,
    "application/vnd.pypi.simple.latest+html": MediaType.HTML_V1,
}


def choose(accept: str) -> MediaType | None:
    """Return the media type that an Accept header prefers; None if it accepts none (406)."""
    qualities = dict(_parse(accept or "*/*"))
    best = max(MediaType, key=lambda media_type: _quality(media_type, qualities))
    return best if _quality(best, qualities) > 0 else None


def _parse(accept: str) -> Iterator[tuple[str, float]]:
    for item in accept[:MAX_LIST_LENGTH].split(",", MAX_LIST_MEMBERS)[:MAX_LIST_MEMBERS]:
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        yield _LATEST.get(media_range, media_range), _number(quality)


def _quality(media_type: MediaType, qualities: dict[str, float]) -> float:
    """Return the quality of the most specific range that matches."""
    major = media_type.partition("/")[0]
    return next((qualities[key] for key in (media_type, f"{major}/*", "*/*") if key in qualities), 0)


def _number(quality: str) -> float:
    try:
        return float(quality)
    except ValueError:
        return 0


class Encoding(StrEnum):
    """Content codings of pages; of equal preferences, the first wins."""

    ZSTD = "zstd"
    GZIP = "gzip"
    IDENTITY = "identity"


def choose_encoding(accept_encoding: str) -> Encoding:
    """Return the content coding that an Accept-Encoding header prefers (RFC 9110, section 12.5.3)."""
    qualities = dict(_parse(accept_encoding))
    best = max(Encoding, key=lambda encoding: qualities.get(encoding, 0))
    # If no supported coding is accepted, the body is not encoded, whatever the quality of identity.
    return best if qualities.get(best, 0) > 0 else Encoding.IDENTITY
