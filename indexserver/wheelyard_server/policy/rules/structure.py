"""The rules that no exception lifts: owners and private names, statuses, and files that are gone."""

from collections.abc import Iterator

from wheelyard_server.model import Project
from wheelyard_server.model.mirror import Mirror, MirroredFile
from wheelyard_server.model.status import Status
from wheelyard_server.policy.case import Case, MirrorCheck, MirrorRule
from wheelyard_server.policy.confirmation import is_confirmed
from wheelyard_server.policy.file_policy import FilePolicy
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.sentences import plain, sentence
from wheelyard_server.policy.verdict import Rule


def refusal_of_mirror(project: Project, policy: FilePolicy) -> Objection | None:
    """Return the objection to all mirrored files of a project; None if it depends on the file."""
    mirror = project.mirror
    if mirror is None or not policy.upholds(project.owner, mirror, project.name):
        return _of_no_upstream(project, policy)
    if mirror.status == Status.QUARANTINED and project.status.offers_files:
        return _closed(f"{plain(mirror.status)} at {project.owner}", mirror.status_reason)
    return refusal_by_status(project)


def refusal_by_status(project: Project) -> Objection | None:
    """Return the objection to all files of a project because of its status here."""
    return None if project.status.offers_files else _closed(project.status, project.status_reason)


def lost(case: Case, mirror: Mirror) -> MirrorCheck:
    """Object to files that the upstream no longer has, or has with other bytes than they had here."""
    deleted = {file.filename: file.sha256 for file in case.project.deleted}
    is_missing = is_confirmed(mirror, mirror.missing)

    def check(file: MirroredFile) -> MirrorRule | None:
        if deleted and deleted.get(file.filename, file.sha256) != file.sha256:
            return _differs_from_deleted
        if is_missing or (file.gone is not None and is_confirmed(mirror, file.gone)):
            return _differs_at_upstream if file.conflict else _gone
        return None

    return check


def _of_no_upstream(project: Project, policy: FilePolicy) -> Objection:
    name, owner = plain(project.name), plain(project.owner)
    if policy.is_private(project.name):
        return _refused(Rule.PRIVATE, f"The name {name} is private: nothing is offered from elsewhere")
    if project.mirror is None:
        return _refused(Rule.OWNER, f"The name {name} is this index's own, not an upstream's")
    return _refused(Rule.OWNER, f"The upstream {owner} is no longer asked for the name {name}")


def _differs_from_deleted(_: Case, file: MirroredFile) -> Iterator[Objection]:
    name = plain(file.filename)
    yield _refused(Rule.DIGEST, f"Another {name} was published to this index before, so this one is refused")


def _differs_at_upstream(case: Case, file: MirroredFile) -> Iterator[Objection]:
    text = f"{case.project.owner} has other bytes for {plain(file.filename)} than it had before"
    yield _refused(Rule.DIGEST, text)._replace(is_served=True)


def _gone(case: Case, file: MirroredFile) -> Iterator[Objection]:
    yield _refused(Rule.GONE, f"{case.project.owner} no longer has {plain(file.filename)}")._replace(is_served=True)


def _closed(status: str, why: str) -> Objection:
    return _refused(Rule.STATUS, f"The project is {status}: its files are not offered{f' ({why})' if why else ''}")


def _refused(rule: Rule, text: str) -> Objection:
    return Objection(rule, sentence(text))
