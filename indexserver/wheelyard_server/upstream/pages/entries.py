"""One entry of a page, from untrusted values of any type."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

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

_HOST = r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_URL = re.compile(rf"https?://{_HOST}(?:[/?][!-\"$-\[\]-~]*)?")
_REFERENCE = re.compile(r"[^\x00-\x20\x7f#\\]+")
_SEGMENT = r"[A-Za-z0-9_~%+@=,-][A-Za-z0-9._~%+@=,-]*"
_PLAIN_REFERENCE = re.compile(rf"((?:\.\./)*|/)((?:{_SEGMENT}/)*{_SEGMENT})")
"""A path, relative or absolute, that only needs to be put behind a folder (RFC 3986, section 5.2)."""
_FILENAME = re.compile(r"[!-.0-~](?:[ -.0-~]*[!-.0-~])?")
_ASCII = "".join(map(chr, range(128)))
_DIGEST = re.compile(r"[0-9A-Fa-f]+")
_SHA256_LENGTH = 64
_SHA256 = re.compile(rf"[0-9a-f]{{{_SHA256_LENGTH}}}")
MAX_SIZE = 2**53
"""Larger integers are not exact in every JSON parser (RFC 8259, section 6)."""


def absolute_url(base: str, reference: object) -> str | None:
    """Return the absolute URL of a reference, without its fragment; None if it is not one of HTTP.

    Percent encoding stays byte for byte, because some servers sign it or compare it (T18). A
    backslash and control characters are refused: parsers disagree about the host that they name.
    So are credentials, which belong into the settings.
    """
    if not isinstance(reference, str) or len(reference) > MAX_URL_LENGTH:
        return None
    if _URL.fullmatch(reference):
        return reference
    url = reference.strip().partition("#")[0]
    return _resolved(base, url) if _REFERENCE.fullmatch(url) else None


def _resolved(base: str, reference: str) -> str | None:
    plain = _PLAIN_REFERENCE.fullmatch(reference)
    try:
        url = _joined(base, reference) if plain is None else _folder(base, plain[1]) + plain[2]
    except ValueError:
        return None
    return url if url and _URL.fullmatch(url) and len(url) <= MAX_URL_LENGTH else None


@lru_cache(256)
def _folder(base: str, prefix: str) -> str:
    """Return the folder that plain references with this prefix begin at: a page has thousands of them."""
    return urljoin(base, prefix or ".")


def _joined(base: str, reference: str) -> str | None:
    scheme, host, *_ = urlsplit(reference)
    if scheme and not host:
        return None
    url = urljoin(base, reference)
    return url if url.isascii() else quote(url, safe=_ASCII)


def filename_of(url: str) -> str:
    """Return the last part of a URL's path, without its percent encoding; "" if the path ends in a slash."""
    return unquote(url.partition("?")[0].rpartition("/")[2])


def is_filename(name: object) -> bool:
    """Return whether this can be the name of a file; which files a project may have is decided elsewhere."""
    return isinstance(name, str) and len(name) <= MAX_FILENAME_LENGTH and _FILENAME.fullmatch(name) is not None


def digests(value: object) -> dict[str, str]:
    """Return the digests in lower-case hex by the name of their algorithm."""
    if not isinstance(value, dict) or len(value) > MAX_HASHES:
        return {}
    sha256 = value.get("sha256")
    if len(value) == 1 and isinstance(sha256, str) and _SHA256.fullmatch(sha256):
        return value  # As nearly every entry has it.
    return {
        name.lower(): digest.lower()
        for name, digest in value.items()
        if isinstance(name, str) and isinstance(digest, str) and _is_digest(name, digest)
    }


def _is_digest(name: str, digest: str) -> bool:
    if len(name) > MAX_HASH_LENGTH or len(digest) > MAX_HASH_LENGTH or not _DIGEST.fullmatch(digest):
        return False
    return len(digest) == _SHA256_LENGTH or name.lower() != "sha256"


def core_metadata(*values: object) -> str | None:
    """Return what the first of the values that says something says of core metadata (PEP 658, PEP 714)."""
    for value in values:
        if isinstance(value, dict):
            return digests(value).get("sha256", "")
        if value is True:
            return ""
    return None


def text(value: object) -> str | None:
    """Return a text, without its end if it is too long; None if it is empty or no text."""
    return (_unicode(value[:MAX_TEXT_LENGTH]) or None) if isinstance(value, str) else None


def _unicode(value: str) -> str:
    """Return a text without lone surrogates, which cannot be encoded."""
    return value if value.isascii() else value.encode(errors="replace").decode()


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
    """Return a time in UTC (PEP 700); a time without a zone is one in UTC. None if it is not a time."""
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def size(value: object) -> int | None:
    """Return a size in bytes; None if it is not a size."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SIZE else None


def serial(value: object) -> int:
    """Return a serial, which is an integer at PyPI and a string at some mirrors; 0 if there is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(MAX_SIZE)):
        return int(value)
    return size(value) or 0


def versions(value: object) -> tuple[str, ...]:
    """Return the texts of a list of versions."""
    if not isinstance(value, list):
        return ()
    return tuple(
        each for each in value if isinstance(each, str) and each.isascii() and 0 < len(each) <= MAX_VERSION_LENGTH
    )


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
