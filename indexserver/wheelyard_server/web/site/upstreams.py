"""`GET /upstreams/`: the state of each upstream, and what is mirrored from it.

It is for people who may manage all projects. A view asks no upstream: it shows the result of the
last requests of clients.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aiohttp import web

from wheelyard_server.access.upstreams_in_use import UpstreamState
from wheelyard_server.catalog.counts import KeptSize
from wheelyard_server.upstream import Health
from wheelyard_server.web.site import words
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.visitors import visitor

SHOWN_UPSTREAMS = 100
SHOWN_GLOBS = 50


class Row(NamedTuple):
    """An upstream on the page."""

    name: str
    url: str
    """Text, not a link: only servers may reach it."""
    state: str
    tone: str
    since: str
    reason: str
    """"" if nothing is wrong."""
    packages: tuple[str, ...]
    more_packages: int
    projects: str


async def upstreams(request: web.Request) -> web.Response:
    """Show the upstreams to a manager of the whole index."""
    found = await (await visitor(request)).upstreams_in_use()
    rows = [_row(each, found.projects) for each in found.states[:SHOWN_UPSTREAMS]]
    return await request.app[SITE].page(
        request,
        "upstreams.html",
        rows=rows,
        more=max(0, len(found.states) - SHOWN_UPSTREAMS),
        removed=removed(found.states, found.projects),
        kept=kept(found.kept),
        unkept=words.counted(found.unkept, "file was", "files were") if found.unkept else "",
    )


def _row(each: UpstreamState, projects: Mapping[str, int]) -> Row:
    state, tone = _state(each)
    return Row(
        name=each.name,
        url=words.line(each.url),
        state=state,
        tone=tone,
        since="" if each.is_offline else _since(each.health),
        reason="" if each.is_offline else words.line(each.health.reason),
        packages=each.packages[:SHOWN_GLOBS],
        more_packages=max(0, len(each.packages) - SHOWN_GLOBS),
        projects=words.counted(projects.get(each.name, 0), "project is", "projects are"),
    )


def _state(each: UpstreamState) -> tuple[str, str]:
    if each.is_offline:
        return "offline", "warn"
    return ("up", "good") if each.health.is_reachable else ("failing", "bad")


def _since(health: Health) -> str:
    since = words.minute(health.since)
    return f"No lasting problem since {since}." if health.is_reachable else f"Failing since {since}."


def removed(states: Sequence[UpstreamState], projects: Mapping[str, int]) -> str:
    """Return how many projects are of upstreams that the index no longer has; "" if there are none."""
    names = {each.name for each in states}
    count = sum(number for name, number in projects.items() if name not in names)
    return words.counted(count, "project is", "projects are") if count else ""


def kept(size: KeptSize) -> str:
    """Return how many bytes are kept, and how many may be."""
    used = "a size that is not measured yet" if size.size is None else words.size(size.size)
    bound = "without a bound" if size.max_size is None else f"of at most {words.size(size.max_size)}"
    return f"{used}, {bound}"
