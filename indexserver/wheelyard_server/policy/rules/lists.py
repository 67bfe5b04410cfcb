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
    if allow is None or any(covers(each.versions, file.version, unknown=False) for each in case.of_name.allowed):
        return
    text = f"{case.subject(file)} is not among the releases that this index allows"
    yield case.exceptable(Objection(Rule.ALLOW, text, allow.action), file)


def denied_name(case: Case) -> Iterator[Objection]:
    """Yield the objection to all files of a project, whatever their versions."""
    entry = _strictest(each for each in case.of_name.denied if not each.versions)
    if entry is not None:
        yield case.exceptable_name(Objection(Rule.DENY, _denial(plain(case.project.name), entry), entry.action))


def not_allowed_name(case: Case) -> Iterator[Objection]:
    """Yield the objection to a project of an upstream that no entry of the list names."""
    allow = case.rules.allow
    if allow is not None and allow.action is not Action.OFF and not case.of_name.allowed:
        text = f"{plain(case.project.name)} is not among the projects that this index allows"
        yield case.exceptable_name(Objection(Rule.ALLOW, text, allow.action))


def _denied(case: Case, file: AnyFile, subject: str, entry: Denied) -> Objection:
    return case.exceptable(Objection(Rule.DENY, _denial(subject, entry), entry.action), file)


def _denial(subject: str, entry: Denied) -> str:
    return f"{subject} is denied{f': {entry.reason}' if entry.reason else ''}"


def _strictest(entries: Iterable[Denied]) -> Denied | None:
    """Return the first entry that blocks, or else the first that reports; None if there is neither."""
    active = [each for each in entries if each.action is not Action.OFF]
    return next((each for each in active if each.action is Action.BLOCK), active[0] if active else None)
