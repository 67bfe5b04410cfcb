"""One entry of a page, from untrusted values of any type."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urljoin

import msgspec

from wheelyard_server.upstream import PageFile
from wheelyard_server.upstream.pages.bounds import (
    MAX_FILENAME_LENGTH,
    MAX_HASH_LENGTH,
    MAX_HASHES,
    MAX_TEXT_LENGTH,
    MAX_URL_LENGTH,
    MAX_VERSION_LENGTH,
)


class Entry(msgspec.Struct, rename="kebab", gc=False):
    """An entry of `files`, with values of any type."""

    filename: Any = None
    url: Any = None
    hashes: Any = None
    size: Any = None
    upload_time: Any = None
    requires_python: Any = None
    yanked: Any = None
    core_metadata: Any = None
    data_dist_info_metadata: Any = None
    dist_info_metadata: Any = None
    provenance: Any = None


Entries = list[Entry | None]
"""Entries of a page, None in place of one that is unusable as a whole."""

_SCHEMES = ("https://", "http://")
_ABSOLUTE = re.compile(r"https?://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[/?].*)?")
"""Credentials in a URL are refused: they belong into the settings."""
_ASCII = "".join(map(chr, range(128)))
_HEX = frozenset("0123456789abcdef")
_SHA256_LENGTH = 64
MAX_SIZE = 2**53
"""Larger integers are not exact in every JSON parser (RFC 8259, section 6)."""


def absolute_url(base: str, reference: object) -> str | None:
    """Return the absolute URL of a reference, without its fragment; None if it is none of HTTP.

    Percent encoding stays byte for byte, because some servers sign it or compare it (T18). A
    backslash and control characters are refused: parsers disagree about the host that they name.
    """
    if not isinstance(reference, str) or len(reference) > MAX_URL_LENGTH:
        return None
    url = reference.strip().partition("#")[0]
    if not url.isprintable() or "\\" in url or " " in url:
        return None
    try:
        absolute = url if url.startswith(_SCHEMES) else urljoin(base, url)
    except ValueError:
        return None
    absolute = absolute if absolute.isascii() else quote(absolute, safe=_ASCII)
    return absolute if _ABSOLUTE.fullmatch(absolute) and len(absolute) <= MAX_URL_LENGTH else None


def filename_of(url: str) -> str:
    """Return the last part of a URL's path, without its percent encoding; "" if the path ends in a slash."""
    return unquote(url.partition("?")[0].rpartition("/")[2])


def is_filename(name: object) -> bool:
    """Return whether this can be the name of a file; which files a project may have is decided elsewhere."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= MAX_FILENAME_LENGTH
        and name.isascii()
        and name.isprintable()
        and "/" not in name
        and name.strip() == name
    )


def digests(value: object) -> dict[str, str]:
    """Return the digests in lower-case hex by the name of their algorithm."""
    if not isinstance(value, Mapping):
        return {}
    found = (_digest(name, digest) for name, digest in list(value.items())[:MAX_HASHES])
    return dict(each for each in found if each is not None)


def _digest(name: object, digest: object) -> tuple[str, str] | None:
    if not isinstance(name, str) or not isinstance(digest, str) or not 0 < len(name) <= MAX_HASH_LENGTH:
        return None
    name, digest = name.lower(), digest.lower()
    is_hex = 0 < len(digest) <= MAX_HASH_LENGTH and _HEX.issuperset(digest)
    is_complete = len(digest) == _SHA256_LENGTH or name != "sha256"
    return (name, digest) if is_hex and is_complete else None


def core_metadata(*values: object) -> str | None:
    """Return what the first of the values that says something says of core metadata (PEP 658, PEP 714)."""
    for value in values:
        if isinstance(value, Mapping):
            return digests(value).get("sha256", "")
        if value is True:
            return ""
    return None


def text(value: object) -> str | None:
    """Return a text, without its end if it is too long; None if it is empty or no text."""
    return (value[:MAX_TEXT_LENGTH] or None) if isinstance(value, str) else None


def specifier(value: object) -> str | None:
    """Return a specifier of Pythons; None if there is none; raise `ValueError` if it would have to be cut."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH:
        raise ValueError("requires-python")
    return value.strip() or None


def yanked(value: object) -> str | None:
    """Return the reason, possibly empty; None if the file is not yanked (PEP 592)."""
    if isinstance(value, str):
        return value[:MAX_TEXT_LENGTH]
    return "" if value else None


def moment(value: object) -> datetime | None:
    """Return a time in UTC (PEP 700); a time without a zone is one in UTC. None if it is none."""
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def size(value: object) -> int | None:
    """Return a size in bytes; None if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SIZE else None


def serial(value: object) -> int:
    """Return a serial, which is an integer at PyPI and a string at some mirrors; 0 if it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(MAX_SIZE)):
        return int(value)
    return size(value) or 0


def versions(value: object) -> tuple[str, ...]:
    """Return the texts of a list of versions."""
    if not isinstance(value, list):
        return ()
    return tuple(each for each in value if isinstance(each, str) and 0 < len(each) <= MAX_VERSION_LENGTH)


def page_file(base: str, entry: Entry) -> PageFile | None:
    """Return the file of an entry of the page at `base`; None if it is unusable."""
    url = absolute_url(base, entry.url)
    if url is None or not is_filename(entry.filename):
        return None
    try:
        requires_python = specifier(entry.requires_python)
    except ValueError:
        return None
    return PageFile(
        filename=entry.filename,
        url=url,
        hashes=digests(entry.hashes),
        size=size(entry.size),
        upload_time=moment(entry.upload_time),
        requires_python=requires_python,
        yanked=yanked(entry.yanked),
        core_metadata=core_metadata(entry.core_metadata, entry.data_dist_info_metadata, entry.dist_info_metadata),
        provenance=(absolute_url(base, entry.provenance) or "") if entry.provenance else "",
    )
