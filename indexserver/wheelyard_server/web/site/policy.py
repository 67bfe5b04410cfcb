"""`GET /project/<project>/policy/`: what the policy hides, or would hide, by version, and why.

These are the decisions that `GET /api/v1/projects/<project>/decisions` shows.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import web

from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.settings.policy import Action
from wheelyard_server.web.handlers.decisions import FileDecision, ObjectionDetails, VerdictDetails, decision
from wheelyard_server.web.pages.rendering import RenderingQueue
from wheelyard_server.web.site import words
from wheelyard_server.web.site.known_projects import known_project, sentence_about_source
from wheelyard_server.web.site.projects import ROWS, links, page_number
from wheelyard_server.web.site.site import SITE
from wheelyard_server.web.site.versions import in_order

MAX_FILES = 20_000
"""Files that one page decides about: those of the newest versions."""
_RENDERING = RenderingQueue()
_ID = re.compile(r"[A-Z][A-Z0-9]*(-[A-Za-z0-9]+)+")
_ADVISORY = "https://osv.dev/vulnerability/{}"


class AdvisoryLink(NamedTuple):
    """An advisory, with its page at OSV."""

    id: str
    url: str
    """"" if the id has another form than those of public databases."""


class Rule(NamedTuple):
    """What one rule has against files, with the exception that lifts it."""

    name: str
    effect: str
    reason: str
    times: str
    """When it holds; "" if always."""
    exception: str
    advisories: tuple[AdvisoryLink, ...]


class Case(NamedTuple):
    """Files of one version for which the decision is the same."""

    version: str
    state: str
    tone: str
    filenames: tuple[str, ...]
    rules: tuple[Rule, ...]


async def policy(request: web.Request) -> web.Response:
    """Show what rules decide about the files of a project."""
    known, number = await known_project(request), page_number(request)
    view = known.view
    found = await _RENDERING(lambda: cases(view), len(view.project.all_files))
    on_name = VerdictDetails.of(view.offers.verdict_on_name)
    return await request.app[SITE].page(
        request,
        "project_policy.html",
        name=known.name,
        is_managed=known.is_managed,
        source=sentence_about_source(known),
        on_name="" if on_name.served else on_name.reason or "",
        notes=known.catalog.policy_notes(),
        cases=found[(number - 1) * ROWS : number * ROWS],
        is_cut=len(view.project.all_files) > MAX_FILES,
        links=links("", number, len(found)),
    )


def cases(view: ProjectView) -> Sequence[Case]:
    """Return the decisions about files that a rule objects to, those of the newest version first."""
    found: dict[tuple[str, VerdictDetails, tuple[ObjectionDetails, ...]], list[str]] = {}
    files = [file for of_version in in_order(view) for file in of_version]
    for file in files[:MAX_FILES]:
        decided = decision(view, file)
        if decided.objections or not decided.verdict.listed:
            found.setdefault(_key(decided), []).append(words.line(file.filename))
    return [_case(key, names) for key, names in found.items()]


def _key(decided: FileDecision) -> tuple[str, VerdictDetails, tuple[ObjectionDetails, ...]]:
    return decided.version, decided.verdict, decided.objections


def _case(key: tuple[str, VerdictDetails, tuple[ObjectionDetails, ...]], names: list[str]) -> Case:
    version, verdict, objections = key
    state, tone = _state(verdict)
    return Case(version, state, tone, tuple(names), tuple(map(_rule, objections)))


def _state(verdict: VerdictDetails) -> tuple[str, str]:
    until = "" if verdict.until is None else f" until {words.minute(verdict.until)}"
    if not verdict.served:
        return f"refused{until}", "bad"
    return (f"offered{until}", "good") if verdict.listed else (f"not listed{until}", "warn")


def _rule(objection: ObjectionDetails) -> Rule:
    lifted = objection.exception
    exception = ""
    if lifted is not None:
        approved = f", approved by {lifted.approved_by}" if lifted.approved_by else ""
        source = f", asked for by {lifted.source}" if lifted.source else ""
        exception = words.line(f"{lifted.reason} (until {words.minute(lifted.until)}{approved}{source})")
    return Rule(
        name=objection.rule,
        effect="refuses" if objection.action is Action.BLOCK else "only reports",
        reason=words.line(objection.reason),
        times=_times(objection),
        exception=exception,
        advisories=tuple(map(advisory_link, objection.advisories)),
    )


def _times(objection: ObjectionDetails) -> str:
    since = "" if objection.since is None else f"from {words.minute(objection.since)}"
    until = "" if objection.until is None else f"until {words.minute(objection.until)}"
    return " ".join(filter(None, (since, until)))


def advisory_link(id_: str) -> AdvisoryLink:
    """Return an advisory with its page, by an id that anyone may have written."""
    return AdvisoryLink(words.line(id_, 100), _ADVISORY.format(id_) if _ID.fullmatch(id_) else "")
