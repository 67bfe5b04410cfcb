"""The operation of the management API that explains which files are offered, and why not the others."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from wheelyard_server.catalog.stored_project import ProjectView
from wheelyard_server.errors import RefusedFileError
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import parse_project_name, parse_version, version_key
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.verdict import Rule, Verdict
from wheelyard_server.settings.policy import Action, PolicyException
from wheelyard_server.web.handlers.management_schemas import ApiStruct
from wheelyard_server.web.handlers.operations import Call, Operation
from wheelyard_server.web.handlers.paging import PAGING, Page, page_of


class ExceptionDetails(ApiStruct, frozen=True):
    """An exception of the policy that lifts an objection."""

    reason: str
    until: datetime
    approved_by: str | None
    source: str | None
    """The PackageException that asks for it, as NAMESPACE/NAME; null if the policy itself does."""

    @classmethod
    def of(cls, found: PolicyException | None) -> "ExceptionDetails | None":
        """Return an exception."""
        if found is None:
            return None
        return cls(
            reason=found.reason,
            until=found.until,
            approved_by=found.approved_by or None,
            source=found.source or None,
        )


class ObjectionDetails(ApiStruct, frozen=True):
    """What one rule has against a file, now or at another time."""

    rule: Rule
    action: Action
    reason: str
    """For people: the rule, its end, and where to ask for an exception."""
    since: datetime | None
    """When it begins; null: it has always held."""
    until: datetime | None
    """When it ends by itself; null: never."""
    advisories: tuple[str, ...]
    exception: ExceptionDetails | None

    @classmethod
    def of(cls, objection: Objection) -> "ObjectionDetails":
        """Return an objection."""
        return cls(
            rule=objection.rule,
            action=objection.action,
            reason=objection.reason,
            since=objection.since,
            until=objection.until,
            advisories=objection.advisories,
            exception=ExceptionDetails.of(objection.exception),
        )


class VerdictDetails(ApiStruct, frozen=True):
    """Whether a name or a file is offered."""

    listed: bool
    """Whether pages list it."""
    served: bool
    """Whether it can be downloaded."""
    rule: Rule | None
    """The rule that refuses it; null if none does."""
    reason: str | None
    until: datetime | None
    """When this changes by itself; null: never."""
    advisories: tuple[str, ...]

    @classmethod
    def of(cls, verdict: Verdict) -> "VerdictDetails":
        """Return a verdict."""
        return cls(
            listed=verdict.is_listed,
            served=verdict.is_served,
            rule=verdict.rule,
            reason=verdict.reason or None,
            until=verdict.until,
            advisories=verdict.advisories,
        )


class FileDecision(ApiStruct, frozen=True):
    """A file, whether it is offered, and what all rules have against it."""

    filename: str
    version: str
    verdict: VerdictDetails
    objections: tuple[ObjectionDetails, ...]


class Decisions(ApiStruct, frozen=True):
    """The verdicts on a project: on its name, and on a page of its files by filename."""

    name: str
    upstream: str | None
    """The upstream that the project is mirrored from; null if it is this index's own, or not known."""
    on_name: VerdictDetails
    """A name that is refused has no page, whatever its files."""
    notes: tuple[str, ...]
    """What the decisions do not depend on although a rule says so, for people."""
    files: tuple[FileDecision, ...]
    next: str | None
    """The value of `after` for the next page of files; null at the end."""


async def decisions(call: Call) -> Decisions:
    """Explain what rules decide about the files of a project."""
    name, page = parse_project_name(call.path["project"]), page_of(call)
    version = call.query.get("version")
    wanted = None if version is None else version_key(str(parse_version(version)))
    try:
        view = await call.catalog.project(name)
    except RefusedFileError as error:
        return _of_unknown(name, error, call.catalog.policy_notes())
    files = await view.by_filename()
    # A project may have thousands of files.
    return await asyncio.to_thread(_decisions, view, files, wanted, page, call.catalog.policy_notes())


def _of_unknown(name: str, error: RefusedFileError, notes: tuple[str, ...]) -> Decisions:
    refusal = error.refusal
    on_name = VerdictDetails(
        listed=False,
        served=False,
        rule=Rule(refusal.rule),
        reason=str(error),
        until=refusal.until,
        advisories=refusal.advisories,
    )
    return Decisions(name=name, upstream=None, on_name=on_name, notes=notes, files=(), next=None)


def _decisions(
    view: ProjectView,
    files: Sequence[File | MirroredFile],
    wanted: str | None,
    page: Page,
    notes: tuple[str, ...],
) -> Decisions:
    chosen = files if wanted is None else [file for file in files if version_key(file.version) == wanted]
    shown, following = page.of_files(chosen)
    return Decisions(
        name=view.project.name,
        upstream=view.project.owner or None,
        on_name=VerdictDetails.of(view.offers.verdict_on_name),
        notes=notes,
        files=tuple([decision(view, file) for file in shown]),
        next=following,
    )


def decision(view: ProjectView, file: File | MirroredFile) -> FileDecision:
    """Return what rules decide about a file of a project."""
    return FileDecision(
        filename=file.filename,
        version=file.version,
        verdict=VerdictDetails.of(view.verdict(file)),
        objections=tuple(map(ObjectionDetails.of, view.offers.objections(file))),
    )


DECISION_OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/projects/{project}/decisions",
        "Explain which files are offered, and why not the others",
        decisions,
        Decisions,
        query={"version": "only the files of this version", **PAGING},
    ),
)
