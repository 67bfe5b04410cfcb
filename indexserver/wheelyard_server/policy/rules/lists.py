"""The lists of a policy: deny, which precedes everything that permits (T26), and allow."""

from collections.abc import Iterable, Iterator

from wheelyard_server.policy.case import AnyFile, Case
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.sentences import plain
from wheelyard_server.policy.verdict import Rule
from wheelyard_server.policy.versions import covers
from wheelyard_server.settings.policy import Action, Denied


def denied_version(case: Case, file: AnyFile) -> Iterator[Objection]:
    """Yield the objection to a denied version."""
    entries = (each for each in case.of_name.denied if covers(each.versions, file.version, unknown=True))
    entry = _strictest(entries)
    if entry is not None:
        yield _denied(case, file, case.subject(file), entry)


def denied_digest(case: Case, file: AnyFile) -> Iterator[Objection]:
    """Yield the objection to a denied file."""
    entry = _strictest(case.basis.policy.rulebook.denied_digests.get(file.sha256, ()))
    if entry is not None:
        yield _denied(case, file, plain(file.filename), entry)


def not_allowed(case: Case, file: AnyFile) -> Iterator[Objection]:
    """Yield the objection to a version that is not on the list."""
    allow = case.rules.allow
    if allow is None or allow.action is Action.OFF:
        return
    if not any(covers(each.versions, file.version, unknown=False) for each in case.of_name.allowed):
        text = f"{case.subject(file)} is not among the releases that this index allows"
        yield case.exceptable(Objection(Rule.ALLOW, text, allow.action), file)


def _denied(case: Case, file: AnyFile, subject: str, entry: Denied) -> Objection:
    why = f": {entry.reason}" if entry.reason else ""
    return case.exceptable(Objection(Rule.DENY, f"{subject} is denied{why}", entry.action), file)


def _strictest(entries: Iterable[Denied]) -> Denied | None:
    """Return the first entry that blocks, or else the first that reports; None if there is neither."""
    active = [each for each in entries if each.action is not Action.OFF]
    return next((each for each in active if each.action is Action.BLOCK), active[0] if active else None)
