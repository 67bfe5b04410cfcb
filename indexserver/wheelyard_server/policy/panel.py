"""The rules of a policy, compiled for the files of one project: those published here, or those of an upstream."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.case import AnyFile, Case, CaseRule, Check, time_of
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

RuleOf = Callable[[Case, F], Iterable[Objection]]
CheckOf = Callable[[F], RuleOf[F] | None]


class _HasAction(Protocol):
    @property
    def action(self) -> Action: ...


class _OfVersion(NamedTuple):
    group: str | None
    """The version, or None if it is like most others: no rule objects to it, and no exception is for it."""
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
        rules = self._rules(file)
        return fold(self._found(file, rules), self._now) if rules else self._of_version(file).verdict

    def verdicts(self, files: Sequence[F]) -> list[Verdict]:
        """Return the verdicts on files in their order, without the sentences that are about one file.

        Files of a version that the same rules object to share a verdict but for its sentence, so
        one or two of them are decided about. They share the first `until`.
        """
        verdicts, groups = [], defaultdict[tuple[str | None, tuple[RuleOf[F], ...]], list[int]](list)
        for number, file in enumerate(files):
            of_version = self._versions.get(file.version) or self._decided(file)
            verdicts.append(of_version.verdict)
            if rules := self._rules(file):
                groups[of_version.group, rules].append(number)
        for numbers in groups.values():
            shared = self._shared([files[number] for number in numbers])
            for number in numbers:
                verdicts[number] = shared
        return verdicts

    def objections(self, file: F) -> tuple[Objection, ...]:
        """Return all objections to a file, in order."""
        return self._found(file, self._rules(file))

    def _shared(self, files: Sequence[F]) -> Verdict:
        """Return the verdict on the files of a group.

        They may wait, but not until the same moment. All of them wait now, and at each later moment
        a file is as the one that waits longest, or as the one that no longer waits first. So the
        first change of any file is one of these two.
        """
        ends = (min(files, key=time_of), max(files, key=time_of))
        verdicts = [self.verdict(file) for file in ends]
        until = min((each.until for each in verdicts if each.until is not None), default=None)
        return verdicts[0]._replace(reason="", until=until)

    def _rules(self, file: F) -> tuple[RuleOf[F], ...]:
        """Return the rules that object to a file, other than those by version."""
        found: tuple[RuleOf[F], ...] = ()
        for check in self._checks:
            if (rule := check(file)) is not None:
                found = (*found, rule)
        return found

    def _found(self, file: F, rules: Iterable[RuleOf[F]]) -> tuple[Objection, ...]:
        of_file = (each for rule in rules for each in rule(self._case, file))
        return in_order((*self._of_version(file).objections, *of_file))

    def _of_version(self, file: F) -> _OfVersion:
        return self._versions.get(file.version) or self._decided(file)

    def _decided(self, file: F) -> _OfVersion:
        found = in_order(each for rule in self._by_version for each in rule(self._case, file))
        group = file.version if found or self._case.of_name.exceptions else None
        decided = _OfVersion(group, found, fold(found, self._now) if found else PERMITTED)
        self._versions[file.version] = decided
        return decided


def local_panel(case: Case, now: datetime) -> Panel[File]:
    """Return the rules for files that were published here: never the cooldown."""
    refusal = refusal_by_status(case.project)
    checks = (*_by_digest(case), licenses(case) if _is_on(case.rules.licenses) else None)
    return Panel(case, now, (*_always(refusal), *_lists(case)), checks)


def mirrored_panel(case: Case, now: datetime) -> Panel[MirroredFile]:
    """Return the rules for files of an upstream."""
    mirror, rules = case.project.mirror, case.rules
    refusal = refusal_of_mirror(case.project, case.basis.policy)
    if refusal is not None or mirror is None:
        return Panel(case, now, tuple(_always(refusal)), ())
    checks = (
        *_by_digest(case),
        licenses(case) if _is_on(rules.licenses) else None,
        formats(case) if _is_on(rules.formats) else None,
        provenance(case) if _is_on(rules.provenance) and case.of_name.needs_provenance else None,
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


def _by_digest(case: Case) -> Iterator[Check]:
    """Yield the checks of bytes, whatever their project."""
    digests: list[tuple[Container[str], CaseRule]] = [
        (case.basis.quarantined.by_digest, quarantine.by_digest),
        (case.basis.policy.rulebook.denied_digests, lists.denied_digest),
    ]
    if _is_on(case.rules.malware):
        digests.append((case.basis.advisories.digests, advised.malicious_digest))
    return (_named(named, rule) for named, rule in digests if named)


def _named(digests: Container[str], rule: CaseRule) -> Check:
    """Return a check of digests. Each has its own objection, so each has its own rule."""
    rules = cache(lambda _: partial(rule))
    return lambda file: rules(file.sha256) if file.sha256 in digests else None


def _always(objection: Objection | None) -> Iterator[CaseRule]:
    if objection is not None:
        yield lambda *_: (objection,)


def _is_on(rule: _HasAction) -> bool:
    return rule.action is not Action.OFF
