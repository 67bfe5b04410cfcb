"""The rules of a policy, compiled for the files of one project: those published here, or those of an upstream."""

from collections.abc import Callable, Container, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.case import AnyFile, Case, Check
from wheelyard_server.policy.objection import Objection, fold, in_order
from wheelyard_server.policy.rules import advised, lists, quarantine
from wheelyard_server.policy.rules.cooldown import cooldown
from wheelyard_server.policy.rules.formats import formats
from wheelyard_server.policy.rules.licenses import licenses
from wheelyard_server.policy.rules.provenance import provenance
from wheelyard_server.policy.rules.structure import lost, refusal_by_status, refusal_of_mirror
from wheelyard_server.policy.verdict import PERMITTED, Verdict
from wheelyard_server.settings.policy import Action

F = TypeVar("F", bound=AnyFile)

CaseRule = Callable[[Case, AnyFile], Iterator[Objection]]
"""A rule that yields its objections to a file."""
CheckOf = Callable[[F], tuple[Objection, ...]]


class _HasAction(Protocol):
    @property
    def action(self) -> Action: ...


class _OfVersion(NamedTuple):
    objections: tuple[Objection, ...]
    verdict: Verdict


class Panel(Generic[F]):
    """Rules that decide by the version, once for each, and rules that look at each file."""

    def __init__(
        self, case: Case, now: datetime, by_version: Sequence[CaseRule], by_file: Sequence[CheckOf[F] | None]
    ) -> None:
        self._case = case
        self._now = now
        self._by_version = by_version
        self._checks = tuple(check for check in by_file if check is not None)
        self._versions: dict[str, _OfVersion] = {}

    def verdict(self, file: F) -> Verdict:
        """Return what follows from all objections to a file."""
        of_version = self._versions.get(file.version) or self._decided(file)
        found: tuple[Objection, ...] = ()
        for check in self._checks:
            if more := check(file):
                found = (*found, *more)
        return fold(in_order((*of_version.objections, *found)), self._now) if found else of_version.verdict

    def objections(self, file: F) -> tuple[Objection, ...]:
        """Return all objections to a file, in order."""
        of_version = self._versions.get(file.version) or self._decided(file)
        return in_order((*of_version.objections, *(each for check in self._checks for each in check(file))))

    def _decided(self, file: F) -> _OfVersion:
        found = in_order(each for rule in self._by_version for each in rule(self._case, file))
        decided = _OfVersion(found, fold(found, self._now) if found else PERMITTED)
        self._versions[file.version] = decided
        return decided


def local_panel(case: Case, now: datetime) -> Panel[File]:
    """Return the rules for files that were published here: never the cooldown."""
    refusal = refusal_by_status(case.project)
    checks = (_always(refusal), _by_digest(case), licenses(case) if _is_on(case.rules.licenses) else None)
    return Panel(case, now, tuple(_lists(case)), checks)


def mirrored_panel(case: Case, now: datetime) -> Panel[MirroredFile]:
    """Return the rules for files of an upstream."""
    mirror, rules = case.project.mirror, case.rules
    refusal = refusal_of_mirror(case.project, case.basis.policy)
    if refusal is not None or mirror is None:
        return Panel(case, now, (), (_always(refusal),))
    checks = (
        _by_digest(case),
        licenses(case) if _is_on(rules.licenses) else None,
        formats(case) if _is_on(rules.formats) else None,
        provenance(case, mirror) if _is_on(rules.provenance) and case.of_name.needs_provenance else None,
        cooldown(case, mirror, now) if _is_on(rules.cooldown) else None,
        lost(case, mirror),
    )
    return Panel(case, now, (*_lists(case), *_of_upstreams(case, now)), checks)


def _lists(case: Case) -> Iterator[CaseRule]:
    """Yield the rules by version that concern a project, local or not."""
    if case.basis.quarantined.of(case.project.name):
        yield quarantine.by_version
    if case.of_name.denied:
        yield lists.denied_version


def _of_upstreams(case: Case, now: datetime) -> Iterator[CaseRule]:
    """Yield the rules by version that concern a project of an upstream."""
    rules, advisories = case.rules, case.basis.advisories
    if rules.allow is not None and _is_on(rules.allow):
        yield lists.not_allowed
    if _is_on(rules.malware) and (advisories.has(case.project.name) or advised.must_wait(case)):
        yield advised.malware
    if _is_on(rules.vulnerabilities) and (advisories.has(case.project.name) or advisories.are_lost):
        yield partial(advised.vulnerabilities, now=now)


def _by_digest(case: Case) -> Check | None:
    """Object to bytes, whatever their project; None if no rule does."""
    digests: list[tuple[Container[str], CaseRule]] = [
        (case.basis.quarantined.by_digest, quarantine.by_digest),
        (case.basis.policy.rulebook.denied_digests, lists.denied_digest),
    ]
    if _is_on(case.rules.malware):
        digests.append((case.basis.advisories.digests, advised.malicious_digest))
    checks = tuple(_named(case, named, rule) for named, rule in digests if named)

    def check(file: AnyFile) -> tuple[Objection, ...]:
        return tuple(objection for each in checks for objection in each(file))

    return (checks[0] if len(checks) == 1 else check) if checks else None


def _named(case: Case, digests: Container[str], rule: CaseRule) -> Check:
    return lambda file: tuple(rule(case, file)) if file.sha256 in digests else ()


def _always(objection: Objection | None) -> Check | None:
    return None if objection is None else lambda _: (objection,)


def _is_on(rule: _HasAction) -> bool:
    return rule.action is not Action.OFF
