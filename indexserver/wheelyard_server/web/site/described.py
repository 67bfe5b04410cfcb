"""The core metadata of a release as its page shows it: bounded, harmless, and parsed once."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from packaging.metadata import RawMetadata
from packaging.utils import canonicalize_name

from wheelyard_server.catalog.inspection.metadata import fields_of
from wheelyard_server.web.site import words
from wheelyard_server.web.site.dependencies import Dependencies, dependencies

MAX_LINKS = 30
MAX_CLASSIFIERS = 100
MAX_URL_LENGTH = 2000
MAX_TEXT_LENGTH = 256 * 1024 + 1
"""Characters of a README that are kept: of a longer one so many that it is known to be too long."""
_SCHEMES = frozenset(("http", "https", "mailto"))
_UNKNOWN = "unknown"
"""Old tools write it for a field without a value."""


class Link(NamedTuple):
    """A link that the author gives."""

    label: str
    url: str


class Described(NamedTuple):
    """What a release says of itself. All of it is untrusted text."""

    label: str = ""
    """The project's name as its author spells it."""
    summary: str = ""
    requires_python: str = ""
    license: str = ""
    authors: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    classifiers: tuple[str, ...] = ()
    omitted_classifiers: int = 0
    dependencies: Dependencies = Dependencies()
    description: str = ""
    """The README."""
    description_type: str = ""
    """Its content type; "" if it has none, which means reStructuredText."""


NOTHING = Described()


def described(metadata: bytes, name: str) -> Described:
    """Return the core metadata of a release of the project with this normalized name."""
    fields = fields_of(metadata)
    classifiers = [words.line(each) for each in fields.get("classifiers", ())]
    return Described(
        label=_label(fields, name),
        summary=words.line(fields.get("summary", "")),
        requires_python=words.line(fields.get("requires_python", "")),
        license=_license(fields),
        authors=tuple(_authors(fields)),
        links=tuple(_links(fields)),
        classifiers=tuple(classifiers[:MAX_CLASSIFIERS]),
        omitted_classifiers=max(0, len(classifiers) - MAX_CLASSIFIERS),
        dependencies=dependencies(fields.get("requires_dist", ())),
        description=fields.get("description", "")[:MAX_TEXT_LENGTH],
        description_type=words.line(fields.get("description_content_type", ""), 100),
    )


def _label(fields: RawMetadata, name: str) -> str:
    """Return the name in its author's spelling, if it is a spelling of this one."""
    given = fields.get("name", "")
    return given if given.isascii() and given.isprintable() and canonicalize_name(given) == name else name


def _license(fields: RawMetadata) -> str:
    """Return the license expression (PEP 639), or the first line of the older field: it may be a whole text."""
    given = fields.get("license_expression", "") or next(iter(fields.get("license", "").strip().splitlines()), "")
    return "" if given.lower() == _UNKNOWN else words.line(given, 200)


def _authors(fields: RawMetadata) -> Iterator[str]:
    given = (
        fields.get("author", ""),
        fields.get("author_email", ""),
        fields.get("maintainer", ""),
        fields.get("maintainer_email", ""),
    )
    yield from dict.fromkeys(words.line(each) for each in given if each.strip() and each.lower() != _UNKNOWN)


def _links(fields: RawMetadata) -> Iterator[Link]:
    """Yield links that a browser may follow, each URL once."""
    given = [
        *fields.get("project_urls", {}).items(),
        ("Homepage", fields.get("home_page", "")),
        ("Download", fields.get("download_url", "")),
    ]
    by_url: dict[str, str] = {}
    for label, url in given:
        if is_followed(url):
            by_url.setdefault(url, label)
    for url, label in list(by_url.items())[:MAX_LINKS]:
        yield Link(words.line(label, 100) or words.line(url, 100), url)


def is_followed(url: str) -> bool:
    """Return whether a page may link to a URL: others, such as `javascript:`, could act on the page."""
    if len(url) > MAX_URL_LENGTH or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and bool(parts.netloc or (parts.scheme == "mailto" and parts.path))
