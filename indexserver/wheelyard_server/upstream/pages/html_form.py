"""The HTML form of a page (PEP 503, 592, 629, 658, 714, 740, 792), with a parser that takes linear time."""

from typing import Any

from lxml import etree

from wheelyard_server.sliced import Slices
from wheelyard_server.upstream import Page
from wheelyard_server.upstream.pages import entries
from wheelyard_server.upstream.pages.bounds import MAX_HASHES, UnreadablePageError
from wheelyard_server.upstream.pages.entries import Entry
from wheelyard_server.upstream.pages.files import Files, refuse_other_major

SLICE_BYTES = 16 * 1024
MAX_TAG_BYTES = 64 * 1024
MAX_DEPTH = 256
_TITLE, _TITLE_WITHIN = b"links for", 4096
"""What the title of a page says in all servers, also if it has no files."""
_STATUS, _REASON, _VERSION = "pypi:project-status", "pypi:project-status-reason", "pypi:repository-version"


def read(body: bytes, url: str) -> Slices[Page]:
    """Return a page; `url` is its own, which relative ones refer to. Raises `UnreadablePageError`."""
    links = _Links(url)
    # Pages are UTF-8 (PEP 503 requires HTML5), and no other part of a link is anything but ASCII.
    parser = etree.HTMLParser(target=links, encoding="utf-8", no_network=True)
    for start in range(0, len(body), SLICE_BYTES):
        _feed(parser, body[start : start + SLICE_BYTES])
        links.check(SLICE_BYTES)
        yield
    _end(parser)
    page = links.page()
    if not page.files and not (links.is_marked or _TITLE in body[:_TITLE_WITHIN].lower()):
        # A login page or an error with status 200 must not become a project without files.
        raise UnreadablePageError("answered with HTML that has no links to files, and is not a page of an index")
    return page


def _feed(parser: Any, part: bytes) -> None:
    try:
        parser.feed(part)
    except etree.LxmlError as error:
        raise UnreadablePageError(f"answered with HTML that cannot be read: {error}") from None


def _end(parser: Any) -> None:
    try:
        parser.close()
    except etree.LxmlError as error:
        raise UnreadablePageError(f"answered with HTML that cannot be read: {error}") from None


class _Links:
    """Collects the links of a page; the parser calls `start`, `end`, `data`, `comment` and `close`."""

    def __init__(self, url: str) -> None:
        self._files = Files(url)
        self._has_base = False
        self._meta: dict[str, str] = {}
        self._new: list[Entry] = []
        self._depth = self._silent_bytes = 0

    @property
    def is_marked(self) -> bool:
        """Return whether the page says of itself that it is one of an index."""
        return bool(self._meta)

    def start(self, tag: str, attributes: Any) -> None:
        """Note one element."""
        self._depth += 1
        self._silent_bytes = 0
        match tag:
            case "a":
                self._link(attributes)
            case "base" if not self._has_base and attributes.get("href"):
                self._has_base = True
                self._files.base = entries.absolute_url(self._files.base, attributes["href"]) or self._files.base
            case "meta" if attributes.get("name") in (_STATUS, _REASON, _VERSION):
                self._meta.setdefault(attributes["name"], attributes.get("content", ""))

    def end(self, _tag: str) -> None:
        """Note the end of an element."""
        self._depth -= 1
        self._silent_bytes = 0

    def data(self, _text: str) -> None:
        """Note that there is progress."""
        self._silent_bytes = 0

    def comment(self, _text: str) -> None:
        """Note that there is progress."""
        self._silent_bytes = 0

    def close(self) -> None:
        """End without a result: there is no tree."""

    def check(self, new_bytes: int) -> None:
        """Read the links that were found since the last call, and refuse what costs more than its length.

        libxml2 keeps a tag or comment until it ends, and one of 10 MB keeps it busy without end; an
        end tag is compared with all open elements.
        """
        self._silent_bytes += new_bytes
        if self._silent_bytes > MAX_TAG_BYTES or self._depth > MAX_DEPTH:
            raise UnreadablePageError("answered with HTML that has too large tags, or nests them too deeply")
        self._convert()

    def _convert(self) -> None:
        self._files.add(self._new)
        self._new = []

    def page(self) -> Page:
        """Return the page."""
        self._convert()
        refuse_other_major(self._meta.get(_VERSION))
        return self._files.page(status=self._meta.get(_STATUS), status_reason=self._meta.get(_REASON))

    def _link(self, attributes: Any) -> None:
        """Note a link to a file. A link to a folder, such as the parent's in a listing, is not a file."""
        url, _, fragment = attributes.get("href", "").strip().partition("#")
        filename = entries.filename_of(url)
        if not filename:
            return
        self._new.append(
            Entry(
                filename=filename,
                url=url,
                hashes=_fragment_digests(fragment),
                upload_time=attributes.get("data-upload-time"),
                requires_python=attributes.get("data-requires-python"),
                yanked=attributes.get("data-yanked"),
                core_metadata=_metadata(attributes.get("data-core-metadata")),
                data_dist_info_metadata=_metadata(attributes.get("data-dist-info-metadata")),
                provenance=attributes.get("data-provenance"),
            )
        )


def _fragment_digests(fragment: str) -> dict[str, str]:
    """Return the digests of a fragment such as `sha256=...`, possibly among other parts (`egg=...&md5=...`)."""
    parts = (part.partition("=") for part in fragment.split("&", MAX_HASHES))
    return {name: digest for name, _, digest in parts if name in _ALGORITHMS}


def _metadata(value: str | None) -> object:
    """Return the value of the attribute as in JSON: `true`, or `<algorithm>=<hex>`."""
    if value is None or value.strip().lower() in ("", "false"):
        return None
    name, _, digest = value.partition("=")
    return {name: digest} if digest else True


_ALGORITHMS = frozenset(("sha256", "sha384", "sha512", "sha224", "sha1", "md5", "blake2b", "blake2b_256"))
