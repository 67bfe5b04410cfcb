"""Pages of projects as HTML and as JSON."""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from support.upstreams.stock import MadeFile, MadeProject

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"

Attributes = Mapping[str, str | None]
"""The attributes of a link; None leaves one out."""

Link = tuple[str, str, Attributes]
"""URL, text and more attributes."""


def encoded(path: str) -> str:
    """Return a path in percent encoding, in which a plus sign is encoded, too."""
    return quote(path)


def html_page(title: str, links: Sequence[Link], meta: Mapping[str, str] | None = None) -> bytes:
    """Return a page with links."""
    head = "".join(f'<meta name="{name}" content="{html.escape(value)}">' for name, value in (meta or {}).items())
    lines = "\n".join(_link(*link) for link in links)
    escaped = html.escape(title)
    return (
        f"<!DOCTYPE html>\n<html>\n<head>{head}<title>{escaped}</title></head>\n"
        f"<body>\n<h1>{escaped}</h1>\n{lines}\n</body>\n</html>\n"
    ).encode()


def _link(url: str, text: str, attributes: Attributes) -> str:
    named = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items() if value is not None)
    return f'<a href="{html.escape(url)}"{named}>{html.escape(text)}</a><br/>'


def links(
    project: MadeProject, url: Callable[[MadeFile], str], attributes: Callable[[MadeFile], Attributes]
) -> list[Link]:
    """Return the links of a project's page."""
    return [(url(file), file.filename, attributes(file)) for file in project.listed]


def moment(time: datetime) -> str:
    """Return a time as PyPI spells it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def json_page(
    project: MadeProject, url: Callable[[MadeFile], str], describe: Callable[[MadeFile], dict[str, Any]], **top: Any
) -> bytes:
    """Return a page in the JSON form of PEP 691."""
    files = [
        {"filename": file.filename, "url": url(file), "hashes": {"sha256": file.sha256}, **describe(file)}
        for file in project.listed
    ]
    return json.dumps({"name": project.name, "files": files, **top}).encode()
