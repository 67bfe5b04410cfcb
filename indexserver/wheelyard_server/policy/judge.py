"""Decides about the files of one project. Pages list, and URLs serve, only what this permits."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Protocol, TypeVar

from wheelyard_server.model import Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.case import AnyFile, Case, Check, MirrorCheck
from wheelyard_server.policy.lacking import NOTHING, Lacking, LacksFacts, lacking_facts
from wheelyard_server.policy.objection import Objection, fold, in_order
from wheelyard_server.policy.rules import advised, lists, quarantine
from wheelyard_server.policy.rules.cooldown import cooldown
from wheelyard_server.policy.rules.formats import formats
from wheelyard_server.policy.rules.licenses import licenses
from wheelyard_server.policy.rules.provenance import provenance
from wheelyard_server.policy.rules.structure import lost, refusal_by_status, refusal_of_mirror
from wheelyard_server.policy.verdict import PERMITTED, Rule, Verdict
from wheelyard_server.settings.policy import Action

CaseRule = Callable[[Case, AnyFile], Iterator[Objection]]
"""A rule that yields its objections to a file."""

C = TypeVar("C")

_BY_FACTS = frozenset({Rule.LICENSES, Rule.PROVENANCE})
"""Rules that refuse a file as long as they do not know enough about it."""


class _HasAction(Protocol):
    @property
    def action(self) -> Action: ...


class Judge:
    """The rules, compiled for a project at one moment: an unremarkable file costs about 1 us.

    It never raises because of a file: one that a rule cannot decide about is refused, and no other
    (T33).
    """

    def __init__(self, project: Project, basis: Basis, now: datetime) -> None:
        self._case = Case(project, basis)
        self._now = now

    def verdict(self, file: AnyFile) -> Verdict:
        """Return whether a file is offered: what follows from all objections to it."""
        found = self._found(file)
        verdict = fold(in_order(found), self._now) if found else PERMITTED
        if self._lacking is None or not (verdict.is_served or verdict.rule in _BY_FACTS):
            return verdict
        return verdict if self._lacking(file) is NOTHING else verdict._replace(lacks_facts=True)

    def lacking(self, file: AnyFile) -> Lacking:
        """Return what must be looked up for a verdict on a file."""
        return NOTHING if self._lacking is None else self._lacking(file)

    def objections(self, file: AnyFile) -> tuple[Objection, ...]:
        """Return everything that the rules have against a file, excepted or not, now or later, in order."""
        return in_order(self._found(file))

    def verdict_on_name(self) -> Verdict:
        """Return whether there may be files under the project's name: a denied name has no page.

        No file is looked at, so no document is needed. A project without files and without an owner
        counts as one of an upstream that is not asked yet.
        """
        case, project = self._case, self._case.project
        found = [*quarantine.name(case), *lists.denied_name(case)]
        if not project.files:
            found += lists.not_allowed_name(case)
        return fold(in_order(found), self._now) if found else PERMITTED

    @property
    def needs_facts(self) -> bool:
        """Return whether a rule depends on facts that are looked up."""
        return self._lacking is not None

    @cached_property
    def _lacking(self) -> LacksFacts | None:
        return lacking_facts(self._case)

    def _found(self, file: AnyFile) -> list[Objection]:
        found: list[Objection] = []
        if isinstance(file, MirroredFile):
            for check in self._of_mirrored:
                found += check(file)
        else:
            for each in self._of_local:
                found += each(file)
        return found

    @cached_property
    def _of_local(self) -> tuple[Check, ...]:
        """Return the rules for files that were published here: never the cooldown."""
        case, refusal = self._case, refusal_by_status(self._case.project)
        found = [None if refusal is None else _always(refusal), _by_version(case, *_lists(case)), _by_digest(case)]
        return _present(*found, licenses(case) if _is_on(case.rules.licenses) else None)

    @cached_property
    def _of_mirrored(self) -> tuple[MirrorCheck, ...]:
        """Return the rules for files of an upstream."""
        case, mirror = self._case, self._case.project.mirror
        refusal = refusal_of_mirror(case.project, case.basis.policy)
        if refusal is not None or mirror is None:
            return () if refusal is None else (_always(refusal),)
        rules = case.rules
        return _present(
            _by_version(case, *_lists(case), *_of_upstreams(case)),
            _by_digest(case),
            licenses(case) if _is_on(rules.licenses) else None,
            formats(case) if _is_on(rules.formats) else None,
            provenance(case, mirror) if _is_on(rules.provenance) and case.of_name.needs_provenance else None,
            cooldown(case, mirror, self._now) if _is_on(rules.cooldown) else None,
            lost(case, mirror),
        )


def _lists(case: Case) -> Iterator[CaseRule]:
    """Yield the rules by version that concern a project, local or not."""
    if case.basis.quarantined.of(case.project.name):
        yield quarantine.by_version
    if case.of_name.denied:
        yield lists.denied_version


def _of_upstreams(case: Case) -> Iterator[CaseRule]:
    """Yield the rules by version that concern a project of an upstream."""
    rules, advisories = case.rules, case.basis.advisories
    if rules.allow is not None and _is_on(rules.allow):
        yield lists.not_allowed
    if _is_on(rules.malware) and (advisories.has(case.project.name) or advised.must_wait(case)):
        yield advised.malware
    if _is_on(rules.vulnerabilities) and advisories.has(case.project.name):
        yield advised.vulnerabilities


def _by_version(case: Case, *rules: CaseRule) -> Check | None:
    """Apply rules once for each version; None if there are none."""
    known: dict[str, tuple[Objection, ...]] = {}

    def check(file: AnyFile) -> tuple[Objection, ...]:
        found = known.get(file.version)
        if found is None:
            found = known[file.version] = tuple(each for rule in rules for each in rule(case, file))
        return found

    return check if rules else None


def _by_digest(case: Case) -> Check | None:
    """Object to bytes, whatever their project; None if no rule does."""
    rules: list[CaseRule] = []
    if case.basis.quarantined.by_digest:
        rules.append(quarantine.by_digest)
    if case.basis.policy.rulebook.denied_digests:
        rules.append(lists.denied_digest)
    if _is_on(case.rules.malware) and case.basis.advisories.are_known:
        rules.append(advised.malicious_digest)

    def check(file: AnyFile) -> tuple[Objection, ...]:
        return tuple(each for rule in rules for each in rule(case, file))

    return check if rules else None


def _always(objection: Objection) -> Check:
    found = (objection,)
    return lambda _: found


def _is_on(rule: _HasAction) -> bool:
    return rule.action is not Action.OFF


def _present(*checks: C | None) -> tuple[C, ...]:
    return tuple(check for check in checks if check is not None)
