"""`GET /project/<project>/statistics/`: downloads by day, version and installer, and nothing of fetchers."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from aiohttp import web

from wheelyard_server.catalog.fetches.answers import OfDay, Uses
from wheelyard_server.web.site import words
from wheelyard_server.web.site.known_projects import known_project, sentence_about_source
from wheelyard_server.web.site.site import SITE

DAYS = 90
MAX_SHARES = 20
"""Rows of a table of versions or installers; the rest is one row."""
_HEIGHT = 100
_UNKNOWN = "without a version"

Row = tuple[OfDay, Uses]


class Bar(NamedTuple):
    """One day in the plot. Lengths are in hundredths of its height."""

    day: str
    fetches: int
    x: int
    y: int
    height: int


class Share(NamedTuple):
    """The downloads of one version or installer."""

    name: str
    fetches: int
    percent: int


async def statistics(request: web.Request) -> web.Response:
    """Show how often files of a project were fetched in the last days."""
    known = await known_project(request)
    found, coverage = await known.catalog.statistics(known.name, DAYS)
    rows = found.rows()
    return await request.app[SITE].page(
        request,
        "project_statistics.html",
        name=known.name,
        is_managed=known.is_managed,
        source=sentence_about_source(known),
        total=words.counted(sum(uses.fetches for _, uses in rows), "download"),
        days=DAYS,
        since="" if coverage.since is None else coverage.since.isoformat(),
        bars=bars(rows, datetime.now(UTC).date()),
        versions=shares(rows, lambda each: words.line(each.version, 100) or _UNKNOWN),
        installers=shares(rows, lambda each: each.client),
    )


def bars(rows: Iterable[Row], today: date) -> Sequence[Bar]:
    """Return the days of the plot, the last one on the right, the highest one at its full height."""
    by_day: dict[date, int] = {}
    for each, uses in rows:
        by_day[each.day] = by_day.get(each.day, 0) + uses.fetches
    days = [today - timedelta(days=before) for before in reversed(range(DAYS))]
    highest = max((by_day.get(day, 0) for day in days), default=0) or 1
    return [_bar(day, by_day.get(day, 0), number, highest) for number, day in enumerate(days)]


def _bar(day: date, fetches: int, number: int, highest: int) -> Bar:
    # A day with a single download can be seen, too.
    height = max(1, round(fetches * _HEIGHT / highest)) if fetches else 0
    return Bar(day.isoformat(), fetches, number * 4, _HEIGHT - height, height)


def shares(rows: Iterable[Row], name_of: Callable[[OfDay], str]) -> Sequence[Share]:
    """Return the downloads by a name, the most first; those of the rare ones are together."""
    found: dict[str, int] = {}
    for each, uses in rows:
        name = name_of(each)
        found[name] = found.get(name, 0) + uses.fetches
    total = sum(found.values()) or 1
    in_order = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(fetches for _, fetches in in_order[MAX_SHARES:])
    shown = [*in_order[:MAX_SHARES], *([("all others", rest)] if rest else [])]
    return [Share(name, fetches, round(100 * fetches / total)) for name, fetches in shown]
