"""Decides about one file. Pages list, and URLs serve, only what this permits."""

from datetime import datetime, timedelta

from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.model.status import Status
from wheelyard_server.policy.advisories import Advisories
from wheelyard_server.policy.file_policy import FilePolicy
from wheelyard_server.policy.verdict import PERMITTED, Rule, Verdict

CONFIRMED_AFTER = timedelta(minutes=10)
"""A file that a page lacks is gone if a page that is so much younger lacks it, too (U9)."""


def decide(
    file: File | MirroredFile,
    project: Project,
    policy: FilePolicy,
    advisories: Advisories,  # noqa: ARG001 - part of the seam: no rule of today depends on them
    now: datetime,  # noqa: ARG001 - part of the seam: no rule of today depends on the time
) -> Verdict:
    """Return whether a file of `project` is offered. Takes at most 10 us, and never raises."""
    if isinstance(file, File):
        return PERMITTED if project.status.offers_files else _closed(project.status, project.status_reason)
    refused = _of_mirror(project, policy)
    return refused or _of_mirrored_file(file, project)


def is_confirmed(mirror: Mirror, first_seen: datetime | None) -> bool:
    """Return whether what the upstream first said at `first_seen` was said again, long enough after it."""
    return first_seen is not None and mirror.fetched - first_seen >= CONFIRMED_AFTER


def _of_mirror(project: Project, policy: FilePolicy) -> Verdict | None:
    """Return the verdict on all mirrored files of a project; None if it depends on the file."""
    mirror = project.mirror
    if mirror is None or not policy.upholds(project.owner, mirror, project.name):
        return _of_no_upstream(project, policy)
    if not project.status.offers_files:
        return _closed(project.status, project.status_reason)
    if mirror.status == Status.QUARANTINED:
        return _closed(f"{mirror.status} at {project.owner}", mirror.status_reason)
    return None


def _of_no_upstream(project: Project, policy: FilePolicy) -> Verdict:
    if policy.is_private(project.name):
        return _refused(Rule.PRIVATE, f"The name {project.name} is private: nothing is offered from elsewhere")
    if project.mirror is None:
        return _refused(Rule.OWNER, f"The name {project.name} is this index's own, not an upstream's")
    return _refused(Rule.OWNER, f"The upstream {project.owner} is no longer asked for the name {project.name}")


def _of_mirrored_file(file: MirroredFile, project: Project) -> Verdict:
    mirror = project.mirror
    deleted = project.deleted_file(file.filename) if project.deleted else None
    if deleted is not None and deleted.sha256 != file.sha256:
        reason = f"Another {file.filename} was published to this index before, so this one is refused"
        return _refused(Rule.DIGEST, reason)
    if mirror is not None and (is_confirmed(mirror, file.gone) or is_confirmed(mirror, mirror.missing)):
        if file.conflict:
            return _unlisted(Rule.DIGEST, f"{project.owner} has other bytes for {file.filename} than it had before")
        return _unlisted(Rule.GONE, f"{project.owner} no longer has {file.filename}")
    return PERMITTED


def _closed(status: str, why: str) -> Verdict:
    return _refused(Rule.STATUS, f"The project is {status}: its files are not offered{f' ({why})' if why else ''}")


def _refused(rule: Rule, reason: str) -> Verdict:
    return Verdict(is_listed=False, is_served=False, rule=rule, reason=reason)


def _unlisted(rule: Rule, reason: str) -> Verdict:
    return Verdict(is_listed=False, is_served=True, rule=rule, reason=reason)
