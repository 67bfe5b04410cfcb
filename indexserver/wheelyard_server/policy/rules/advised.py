"""The rules by advisories: malware and vulnerabilities."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import NamedTuple

from wheelyard_server.policy.advisories import Advisory
from wheelyard_server.policy.case import AnyFile, Case
from wheelyard_server.policy.moments import aware, earlier, later, shown
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.sentences import plain
from wheelyard_server.policy.verdict import Rule
from wheelyard_server.settings.policy import PolicyException, Severity, seconds_of

_SEVERITIES = {severity: rank for rank, severity in enumerate(Severity)}


def malware(case: Case, file: AnyFile) -> Iterator[Objection]:
    """Yield the objections to a version that is malware, or to all if that cannot be known and must be."""
    action = case.rules.malware.action
    if must_wait(case):
        text = f"{case.subject(file)} waits until this index knows which files are malware"
        yield case.exceptable(Objection(Rule.MALWARE, text, action), file)
    for advisory in case.basis.advisories.concerning(case.project.name, file.version):
        if advisory.is_malware:
            yield _malicious(case, file, case.subject(file), advisory)


def malicious_digest(case: Case, file: AnyFile) -> Iterator[Objection]:
    """Yield the objection to a file whose bytes are malware, whatever its project."""
    advisory = case.basis.advisories.malware_with(file.sha256)
    if advisory is not None:
        yield _malicious(case, file, plain(file.filename), advisory)


class Known(NamedTuple):
    """Vulnerabilities of a version that are objected to since one moment, and until one exception ends."""

    since: datetime | None
    """None: already."""
    exception: PolicyException | None
    advisories: list[Advisory]
    """The most severe first."""


def vulnerabilities(case: Case, file: AnyFile, now: datetime) -> Iterator[Objection]:
    """Yield the objections to a version that has vulnerabilities, or to all if advisories are lost (U11).

    They begin when a vulnerability has been known for long enough. One without a severity counts
    as low.
    """
    action = case.rules.vulnerabilities.action
    if case.basis.advisories.are_lost:
        text = f"{case.subject(file)} waits until this index knows its vulnerabilities again"
        yield case.exceptable(Objection(Rule.VULNERABILITIES, text, action), file)
    for found in _known(case, file, now):
        ids = tuple(advisory.id for advisory in found.advisories)
        text = _vulnerable(case.subject(file), found.advisories[0], len(ids) - 1)
        objection = Objection(Rule.VULNERABILITIES, text, action, since=found.since, advisories=ids)
        yield case.explained(objection, found.exception)


def _known(case: Case, file: AnyFile, now: datetime) -> Iterable[Known]:
    """Return the vulnerabilities of a version. Some projects have hundreds, most of them in the same state."""
    rule = case.rules.vulnerabilities
    severities, seconds = _at_least(rule.severity), seconds_of(rule.known)
    known_since = earlier(now, seconds)
    concerning = case.basis.advisories.concerning(case.project.name, file.version)
    counted = [each for each in concerning if each.severity in severities and not each.is_malware]
    found: dict[tuple[datetime | None, int], Known] = {}
    for advisory in sorted(counted, key=_rank, reverse=True):
        published = aware(advisory.published)
        since = later(published, seconds) if published > known_since else None
        exception = case.exception(Rule.VULNERABILITIES, file.version, (advisory.id, *advisory.aliases))
        found.setdefault((since, id(exception)), Known(since, exception, [])).advisories.append(advisory)
    return found.values()


def _vulnerable(subject: str, advisory: Advisory, others: int) -> str:
    severity, since = (advisory.severity or Severity.LOW).lower(), shown(aware(advisory.published))
    more = f", and {others} more" if others else ""
    return f"{subject} has the {severity} vulnerability {plain(advisory.id)}, known since {since}{more}"


def must_wait(case: Case) -> bool:
    """Return whether nothing is offered without advisories: if the policy says it, or if they are lost (U11)."""
    advisories = case.basis.advisories
    return advisories.are_lost or (case.rules.malware.require_feed and not advisories.are_known)


def _malicious(case: Case, file: AnyFile, subject: str, advisory: Advisory) -> Objection:
    text = f"{subject} is malware according to {plain(advisory.id)}"
    action = case.rules.malware.action
    return case.exceptable(Objection(Rule.MALWARE, text, action, advisories=(advisory.id,)), file, advisory.aliases)


def _rank(advisory: Advisory) -> int:
    return _SEVERITIES[advisory.severity or Severity.LOW]


@cache
def _at_least(severity: Severity) -> frozenset[Severity | None]:
    """Return the severities of advisories that are as severe, or more."""
    least = _SEVERITIES[severity]
    return frozenset(each for each in (None, *Severity) if _SEVERITIES[each or Severity.LOW] >= least)
