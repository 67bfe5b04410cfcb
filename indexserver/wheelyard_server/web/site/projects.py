"""`GET /projects/?q=&page=`: the projects whose name or summary has all words of a search."""

from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from wheelyard_server.access.guard import GuardedCatalog
from wheelyard_server.catalog.event_loop_turns import in_turns
from wheelyard_server.catalog.projects import ProjectEntry
from wheelyard_server.errors import InvalidRequestError
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.visitors import visitor

ROWS = 100
"""Projects on a page."""
MAX_PAGES = 100_000
MAX_QUERY_LENGTH = 200
MAX_QUERY_WORDS = 10
MAX_SUMMARY_LENGTH = 300
_MAX_DIGITS = 6


class Links(NamedTuple):
    """The pages around one page of a list."""

    words: str
    previous: str
    next: str


async def projects(request: web.Request) -> web.Response:
    """Show a page of the projects that the visitor may read."""
    query, number = _query(request), page_number(request)
    found = await search(await visitor(request), _words(query))
    start = (number - 1) * ROWS
    shown = found[start : start + ROWS]
    return await request.app[SITE].page(
        request,
        "projects.html",
        query=query,
        count=len(found),
        projects=[_shortened(each) for each in shown],
        links=links(query, number, len(found)),
    )


async def search(catalog: GuardedCatalog, words: Collection[str]) -> Sequence[ProjectEntry]:
    """Return the projects that have all words, those first that have them in their names."""
    named: list[ProjectEntry] = []
    described: list[ProjectEntry] = []
    async for entry in in_turns(await _entries(catalog)):
        if _has_all(entry.name, words):
            named.append(entry)
        elif _has_all(f"{entry.name} {entry.summary}".lower(), words):
            described.append(entry)
    return sorted(named, key=_name) + sorted(described, key=_name)


async def _entries(catalog: GuardedCatalog) -> Iterable[ProjectEntry]:
    return chain(await catalog.projects(), await catalog.mirrored_projects("*"))


def _has_all(text: str, words: Iterable[str]) -> bool:
    return all(word in text for word in words)


def _name(entry: ProjectEntry) -> str:
    return entry.name


def _shortened(entry: ProjectEntry) -> ProjectEntry:
    return msgspec.structs.replace(entry, summary=entry.summary[:MAX_SUMMARY_LENGTH])


def links(query: str, number: int, count: int) -> Links | None:
    """Return the links around a page of a list of `count` projects; None if they are all on one page."""
    if count <= ROWS and number == 1:
        return None
    last = -(-count // ROWS)
    words = f"Page {number:,} of {last:,}" if number <= last else "This page is after the last one"
    return Links(words, _link(query, min(number - 1, last)), _link(query, number + 1 if number < last else 0))


def _link(query: str, number: int) -> str:
    if number < 1:
        return ""
    return "?" + urlencode({**({"q": query} if query else {}), **({"page": number} if number > 1 else {})})


def _query(request: web.Request) -> str:
    query = request.query.get("q", "").strip()
    if len(query) > MAX_QUERY_LENGTH or len(query.split()) > MAX_QUERY_WORDS:
        limits = f"{MAX_QUERY_WORDS} words and {MAX_QUERY_LENGTH} characters"
        raise InvalidRequestError(f"A search may have at most {limits}: leave some words out")
    return query


def _words(query: str) -> Sequence[str]:
    """Return the words, the longest first: it is probably the rarest."""
    return sorted(set(query.lower().split()), key=len, reverse=True)


def page_number(request: web.Request) -> int:
    """Return the `page` of a query; raise `InvalidRequestError`."""
    text = request.query.get("page", "1")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else 0
    if not 1 <= number <= MAX_PAGES:
        raise InvalidRequestError(f"`page` must be a number from 1 to {MAX_PAGES}")
    return number
