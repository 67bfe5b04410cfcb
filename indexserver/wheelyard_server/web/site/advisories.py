"""`GET /advisories/`: the state of the feed, and what it means for files that were fetched.

It is for people who may manage all projects. A view asks neither the feed nor an upstream.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from aiohttp import web

from wheelyard_server.catalog.advisories.state import AdvisoriesState, Force
from wheelyard_server.catalog.exposures import Exposure, Exposures
from wheelyard_server.policy.quarantine import Quarantined
from wheelyard_server.settings.policy import Action
from wheelyard_server.web.site import words
from wheelyard_server.web.site.policy import AdvisoryLink, advisory_link
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.visitors import visitor

DAYS = 30
"""Files that were fetched in so many days are compared."""
SHOWN = 100
"""Findings, and entries of the quarantine, on the page."""
SHOWN_VERSIONS = 5
"""Versions with a fix that one finding names."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_FORCE: Mapping[Force, tuple[str, str]] = {
    Force.MISSING: ("missing", "warn"),
    Force.IN_FORCE: ("in force", "good"),
    Force.LOST: ("lost", "bad"),
}


class Feed(NamedTuple):
    """The advisories of the index in words."""

    state: str
    tone: str
    source: str
    amount: str
    age: str
    is_late: bool
    warnings: tuple[str, ...]
    """What waits or fails, and since when."""
    waiting: str
    """Why an export waits for a person; "" if none does."""


class Finding(NamedTuple):
    """A release that was fetched, and an advisory about it."""

    project: str
    version: str
    advisory: AdvisoryLink
    word: str
    tone: str
    summary: str
    fixed: str
    fetches: str
    last: str


class Entry(NamedTuple):
    """What a person has quarantined."""

    project: str
    version: str
    sha256: str
    reason: str
    by: str
    at: str


async def advisories(request: web.Request) -> web.Response:
    """Show the advisories to a manager of the whole index."""
    catalog = await visitor(request)
    state = await catalog.advisories()
    found, coverage = await catalog.exposures(DAYS)
    entries = catalog.quarantined()
    return await request.app[SITE].page(
        request,
        "advisories.html",
        feed=feed(state),
        days=DAYS,
        since="" if coverage.since is None else coverage.since.isoformat(),
        compared=words.counted(len(found.releases), "release") if found.releases else "",
        are_known=found.are_known,
        findings=findings(found),
        more_findings=max(0, len(found.found) - SHOWN) + found.omitted,
        omitted_projects=found.omitted_projects,
        entries=[_entry(each) for each in reversed(entries[-SHOWN:])],
        more_entries=max(0, len(entries) - SHOWN),
        blocked=counts(catalog.decisions_by_rule(), Action.BLOCK),
        reported=counts(catalog.decisions_by_rule(), Action.REPORT),
    )


def feed(state: AdvisoriesState) -> Feed:
    """Return the state of the advisories in words."""
    word, tone = _FORCE[state.state]
    return Feed(
        state=word,
        tone=tone,
        source=words.line(state.source),
        amount=f"{words.counted(state.records, 'record')}, {state.malware:,} of them about malware",
        age="" if state.age is None else _age(state.age),
        is_late=state.late,
        warnings=tuple(_warnings(state)),
        waiting="" if state.waiting is None else words.line(state.waiting.reason),
    )


def _age(seconds: int) -> str:
    for unit, noun in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= unit:
            return words.counted(seconds // unit, noun)
    return "less than a minute"


def _warnings(state: AdvisoriesState) -> Iterable[str]:
    if state.failure is not None:
        since, reason = words.minute(state.failure.since), words.line(state.failure.reason)
        yield f"The feed cannot be read since {since}: {reason}"
    if state.problem:
        yield f"This server does not have the newest advisories: {words.line(state.problem)}"
    if state.unreadable:
        yield f"{words.counted(state.unreadable, 'record')} of the feed cannot be read."


def findings(found: Exposures) -> Sequence[Finding]:
    """Return the first findings: malware before all others, then as the API ranks them, by fetches."""
    ranked = sorted(found.found, key=lambda each: not each.advisory.is_malware)
    return [_finding(each) for each in ranked[:SHOWN]]


def _finding(exposure: Exposure) -> Finding:
    release, advisory = exposure
    word, tone = _severity(exposure)
    more = len(advisory.fixed) - SHOWN_VERSIONS
    fixed = ", ".join(words.line(each, 50) for each in advisory.fixed[:SHOWN_VERSIONS])
    return Finding(
        project=release.project,
        version=release.version,
        advisory=advisory_link(advisory.id),
        word=word,
        tone=tone,
        summary=words.line(advisory.summary),
        fixed=f"{fixed} and {more} more" if more > 0 else fixed,
        fetches=words.counted(release.fetches, "fetch", "fetches"),
        last=words.day(datetime.fromtimestamp(release.last, UTC)),
    )


def _severity(exposure: Exposure) -> tuple[str, str]:
    if exposure.advisory.is_malware:
        return "malware", "bad"
    severity = exposure.advisory.severity
    return ("no severity", "") if severity is None else (f"{severity.value} severity", "warn")


def _entry(each: Quarantined) -> Entry:
    return Entry(
        each.project, each.version, each.sha256, words.line(each.reason), words.line(each.by), words.minute(each.at)
    )


def counts(by_rule: Mapping[tuple[str, str], int], action: Action) -> Sequence[str]:
    """Return how often each rule has acted so, the most frequent first."""
    found = [(rule, count) for (rule, acted), count in by_rule.items() if acted == action]
    return [f"{rule}: {words.counted(count, 'time')}" for rule, count in sorted(found, key=lambda each: -each[1])]
