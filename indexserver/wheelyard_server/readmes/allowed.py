"""The HTML that a README may consist of, and the proof that a text is made of nothing else.

The child lets nh3 write exactly this. The server does not believe the child, which has read foreign
texts: it takes the HTML apart once more. That needs no parser: what nh3 writes has one spelling,
and browsers read tags of that spelling as this module does. No allowed tag changes how the text
after it is read, as `<script>` or `<svg>` would.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

TAGS = frozenset(
    {
        *(
            "a",
            "abbr",
            "b",
            "blockquote",
            "br",
            "caption",
            "cite",
            "code",
            "dd",
            "del",
            "details",
            "div",
            "dl",
            "dt",
        ),
        *("em", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "ol", "p", "pre", "s", "span", "strong"),
        *("sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "var"),
    }
)
ID_PREFIX = "user-content-"
REL = "nofollow noreferrer noopener"
WIDE = "wide"
"""The class of what may be wider than the page."""
MAX_DEPTH = 100
_VOID = frozenset({"br", "hr", "img"})
_NUMBER = r"[0-9]{1,4}"
_ALIGN = "left|center|right"
_ID = ID_PREFIX + r'[^"<>\s]{1,200}'
_CLASSES = rf"{WIDE}|[a-z][a-z0-9]{{0,3}}"
"""Those of Pygments have at most three characters."""
_ON_ALL = {"id": _ID}
_OF_CELLS = {"align": _ALIGN, "colspan": _NUMBER, "rowspan": _NUMBER}
ATTRIBUTES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "a": {"href": rf'(?:https?:|mailto:)[^"<>]*|#{_ID}', "rel": REL},
        "abbr": {"title": r'[^"<>]*'},
        "code": {"class": _CLASSES},
        "div": {"align": _ALIGN, "class": WIDE, "tabindex": "0"},
        "img": {
            "alt": r'[^"<>]*',
            "height": _NUMBER,
            "loading": "lazy",
            "referrerpolicy": "no-referrer",
            "src": r'https:[^"<>]*',
            "width": _NUMBER,
        },
        "ol": {"start": _NUMBER},
        "p": {"align": _ALIGN},
        "pre": {"tabindex": "0"},
        "span": {"class": _CLASSES},
        "td": _OF_CELLS,
        "th": _OF_CELLS,
    }
)
"""Attributes by tag, with what their whole values must match; each tag may have an `id`, too."""
_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z]+="[^"<>]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')


class ForeignHtmlError(Exception):
    """A text is not HTML as `TAGS` and `ATTRIBUTES` allow it; the text says where."""


def check(html: str) -> None:
    """Raise `ForeignHtmlError` unless this is a sequence of whole, allowed elements; takes linear time."""
    opened: list[str] = []
    known: set[str] = set()
    end = 0
    # One tag after the other: in a thread, this lets the server's loop run in between.
    for found in _TAG.finditer(html):
        tag, closing, name, attributes = found[0], found[1], found[2], found[3]
        if "<" in html[end : found.start()]:
            break
        # Tags repeat: an element of highlighted code has one of about fifty.
        if tag not in known:
            _check_tag(closing, name, attributes)
            known.add(tag)
        _nest(opened, closing, name)
        end = found.end()
    if "<" in html[end:]:
        raise ForeignHtmlError("something that is no tag")
    if opened:
        raise ForeignHtmlError(f"<{opened[-1]}> without an end")


def _check_tag(closing: str, name: str, attributes: str) -> None:
    if name not in TAGS or (closing and (attributes or name in _VOID)):
        raise ForeignHtmlError(f"<{closing}{name}>")
    given = _ATTRIBUTE.findall(attributes)
    if len(dict(given)) < len(given) or not all(is_allowed(name, key, value) for key, value in given):
        raise ForeignHtmlError(f"<{name}{attributes[:100]}>")


def is_allowed(tag: str, attribute: str, value: str) -> bool:
    """Return whether a tag may have this attribute with this value."""
    wanted = ATTRIBUTES.get(tag, {}).get(attribute) or _ON_ALL.get(attribute)
    return wanted is not None and re.fullmatch(wanted, value) is not None


def _nest(opened: list[str], closing: str, name: str) -> None:
    """Open or close an element; no tag may close one of the page around the README."""
    if closing:
        if not opened or opened.pop() != name:
            raise ForeignHtmlError(f"</{name}>")
    elif name not in _VOID:
        opened.append(name)
        if len(opened) > MAX_DEPTH:
            raise ForeignHtmlError("elements that are nested too deeply")
