"""Quarantine by hand: at once, for uploaded and mirrored files, until it is lifted. No exception lifts it."""

from collections.abc import Iterator

from wheelyard_server.policy.affected_versions import listed, spelled
from wheelyard_server.policy.case import AnyFile, Case
from wheelyard_server.policy.moments import aware, shown_past
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.quarantine import Quarantined
from wheelyard_server.policy.sentences import plain, sentence
from wheelyard_server.policy.verdict import Rule

_HINT = "A manager of this index can lift it"


def by_version(case: Case, file: AnyFile) -> Iterator[Objection]:
    """Yield the objection to a version, and to its local builds, as `==` of PEP 440 means them."""
    for entry in case.basis.quarantined.of(case.project.name):
        if not (entry.version and file.version) or listed(entry.version) in spelled(file.version).texts:
            yield objection(entry, case.subject(file))
            return


def name(case: Case) -> Iterator[Objection]:
    """Yield the objection to all files of a project."""
    entry = next((each for each in case.basis.quarantined.of(case.project.name) if not each.version), None)
    if entry is not None:
        yield objection(entry, plain(case.project.name))


def by_digest(case: Case, file: AnyFile) -> Iterator[Objection]:
    """Yield the objection to a file."""
    entry = case.basis.quarantined.by_digest.get(file.sha256)
    if entry is not None:
        yield objection(entry, plain(file.filename))


def objection(entry: Quarantined, subject: str) -> Objection:
    """Return the objection of an entry. Any reader may see it, so it does not name the manager."""
    text = f"{subject} is quarantined since {shown_past(aware(entry.at))}: {entry.reason}"
    return Objection(Rule.QUARANTINE, sentence(text, _HINT))
