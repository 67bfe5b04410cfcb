"""Fits the HTML of a README into a page of ours.

Headings come below those of the page, images become links, links that lead nowhere become text, and
what a page may have only once (landmarks, ids) is renamed. Only the child imports this.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

import lxml.html
import nh3
from lxml.html import HtmlElement
from pygments.token import STANDARD_TYPES

from wheelyard_server.readmes.allowed import ATTRIBUTES, ID_PREFIX, REL, TAGS, WIDE, is_allowed

_SCHEMES = frozenset({"http", "https", "mailto"})
_HEADINGS = MappingProxyType({"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"})
_RENAMED = MappingProxyType(
    {
        **_HEADINGS,
        "acronym": "abbr",
        "aside": "div",
        "figcaption": "p",
        "figure": "div",
        "nav": "div",
        "section": "div",
        "tt": "code",
    }
)
"""Landmarks of a README would be taken for the page's."""
_NOTES = frozenset({"admonition", "markdown-alert"})
"""Classes of notes and warnings, which no stylesheet of ours has."""
_CLASSES = frozenset(STANDARD_TYPES.values()) - {""}
_MAX_DEPTH = 200
"""libxml2 drops elements below 255 others."""


def rewritten(html: str, *, images: bool) -> str:
    """Return HTML that consists of `allowed` elements; `images` keeps images of HTTPS."""
    _check_depth(html)
    root = lxml.html.fragment_fromstring(html, create_parent="div")
    _rewrite(root, "input", _write_check_box)
    _rewrite(root, "img", _keep_image if images else _link_image)
    _name_anchors(root)
    _rewrite(root, "a", _Links(root.xpath("//@id")).rewrite)
    for element in root.iterdescendants(*_RENAMED, "div"):
        _rename(element)
    _rewrite(root, "table", _wrap)
    _mark_code(root)
    return _cleaned(_inner_html(root))


def _check_depth(html: str) -> None:
    depth = deepest = 0
    for part in html.split("<")[1:]:
        if part.startswith("/"):
            depth -= 1
        elif not part.startswith(_VOID):
            depth += 1
            deepest = max(deepest, depth)
    if deepest > _MAX_DEPTH:
        raise ValueError("Its elements are nested too deeply")


_VOID = ("br", "hr", "img", "input", "col>", "col ")


def _rewrite(root: HtmlElement, tag: str, change: Callable[[HtmlElement], None]) -> None:
    for element in list(root.iterdescendants(tag)):
        change(element)


def _write_check_box(element: HtmlElement) -> None:
    _replace_by_text(element, "\N{BALLOT BOX WITH CHECK}" if "checked" in element.attrib else "\N{BALLOT BOX}")


def _keep_image(element: HtmlElement) -> None:
    if not element.get("src", "").startswith("https://"):
        _link_image(element)
        return
    element.set("loading", "lazy")
    element.set("referrerpolicy", "no-referrer")
    element.set("alt", element.get("alt", ""))


def _link_image(element: HtmlElement) -> None:
    source = element.get("src", "")
    words = element.get("alt") or _last_part(source)
    if next(element.iterancestors("a"), None) is not None or urlsplit(source).scheme not in {"http", "https"}:
        _replace_by_text(element, words)
        return
    for name in list(element.attrib):
        del element.attrib[name]
    element.tag = "a"
    element.set("href", source)
    element.text = words


def _last_part(url: str) -> str:
    return urlsplit(url).path.rstrip("/").rpartition("/")[2] or "image"


def _name_anchors(root: HtmlElement) -> None:
    """Let headings carry their ids themselves: links without words say nothing to users of screen readers."""
    for element in list(root.iterdescendants("a")):
        if len(element) == 0 and not (element.text or "").strip():
            parent = element.getparent()
            if "id" in element.attrib and "id" not in parent.attrib:
                parent.set("id", element.get("id"))
            element.drop_tag()


class _Links:
    """Rewrites links, which may lead to other sites and to elements of the same README."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = {prefixed(each) for each in ids}

    def rewrite(self, element: HtmlElement) -> None:
        """Change the target of a link, or make it text, if it leads nowhere."""
        target = element.get("href", "")
        if target.startswith("#") and prefixed(target[1:]) in self._ids:
            element.set("href", f"#{prefixed(target[1:])}")
        elif urlsplit(target).scheme not in _SCHEMES:
            _as_span(element)


def prefixed(name: str) -> str:
    """Return an id that no element of the page has."""
    return name if name.startswith(ID_PREFIX) else ID_PREFIX + name


def _as_span(element: HtmlElement) -> None:
    """Keep the content and the id of an element, not its meaning."""
    element.tag = "span"
    element.attrib.pop("href", None)


def _rename(element: HtmlElement) -> None:
    if _NOTES.intersection(element.get("class", "").split()):
        element.tag = "blockquote"
        return
    element.tag = _RENAMED.get(element.tag, "div")


def _wrap(element: HtmlElement) -> None:
    """Let a table scroll by itself, also by keyboard."""
    box = element.makeelement("div", {"class": WIDE, "tabindex": "0"})
    element.addprevious(box)
    box.tail, element.tail = element.tail, None
    box.append(element)


def _mark_code(root: HtmlElement) -> None:
    for element in root.iterdescendants():
        classes = _CLASSES.intersection(element.get("class", "").split())
        if element.get("class") != WIDE or element.tag != "div":
            element.attrib.pop("class", None)
        if classes and element.tag == "span" and next(element.iterancestors("pre", "code"), None) is not None:
            element.set("class", min(classes))
        if element.tag == "pre":
            element.set("tabindex", "0")


def _replace_by_text(element: HtmlElement, words: str) -> None:
    for child in list(element):
        element.remove(child)
    for name in list(element.attrib):
        del element.attrib[name]
    element.tag, element.text = "span", words
    element.drop_tag()


def _inner_html(root: HtmlElement) -> str:
    parts = (lxml.html.tostring(each, encoding="unicode") for each in root)
    return (nh3.clean_text(root.text) if root.text else "") + "".join(parts)


def _cleaned(html: str) -> str:
    cleaned: str = _CLEANER.clean(html)
    return cleaned


def _filtered(tag: str, attribute: str, value: str) -> str | None:
    given = prefixed(value) if attribute == "id" else value
    return given if is_allowed(tag, attribute, _escaped(given)) else None


def _escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _attributes(by_tag: Mapping[str, Mapping[str, str]]) -> dict[str, set[str]]:
    return {"*": {"id"}, **{tag: {*names} - {"rel"} for tag, names in by_tag.items()}}


_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    attributes=_attributes(ATTRIBUTES),
    attribute_filter=_filtered,
    link_rel=REL,
    url_schemes=set(_SCHEMES),
)
