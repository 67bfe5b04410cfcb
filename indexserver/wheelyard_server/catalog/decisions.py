"""Counts and logs the verdicts that concern a request: refusals, files that a rule only reports, and exceptions.

A page is no decision: it is rendered once for many clients.
"""

import logging
from datetime import datetime
from typing import NamedTuple

from wheelyard_server.catalog.counts import Counts, UsedException
from wheelyard_server.catalog.refusals import refused
from wheelyard_server.clock import WallClock
from wheelyard_server.errors import Refusal
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.verdict import Verdict
from wheelyard_server.settings.policy import Action

log = logging.getLogger(__name__)

MAX_LINES_PER_HOUR = 1_000
"""Also the maximum number of subjects that are remembered: a client may ask for any number of refused
files. All are counted in the metrics."""
MAX_EXCEPTIONS = 1_000
"""Maximum number of exceptions whose uses are counted, by their reasons."""


class _Subject(NamedTuple):
    rule: str
    project: str
    filename: str
    """"" if the whole name is refused."""


class Decisions:
    """Records verdicts. One line an hour is logged for each file and rule, however many clients ask."""

    def __init__(self, counts: Counts, now: WallClock) -> None:
        self.counts = counts
        self._now = now
        self._hour: datetime | None = None
        self._times: dict[_Subject, int] = {}
        """How often each subject was met in this hour."""

    def require_served(self, project: str, file: File | MirroredFile, verdict: Verdict) -> None:
        """Raise `RefusedFileError` if a rule refuses a file that a client asks for; else record what it meets."""
        if not verdict.is_served:
            raise refused(project, file, verdict)
        for rule in verdict.reported:
            reason = f"{file.filename} is served, since the rule only reports"
            self._record(rule, Action.REPORT, project, file.filename, reason)
        if verdict.exception:
            self._use(verdict.exception)

    def refused(self, refusal: Refusal, sentence: str) -> None:
        """Record that the request of a client was refused."""
        self._record(refusal.rule, Action.BLOCK, refusal.project, refusal.filename, sentence)

    def _use(self, reason: str) -> None:
        used = self.counts.decisions.exceptions
        if reason in used or len(used) < MAX_EXCEPTIONS:
            used[reason] = UsedException(used[reason].times + 1 if reason in used else 1, self._now())

    def _record(self, rule: str, action: Action, project: str, filename: str, reason: str) -> None:
        self.counts.decisions.by_rule[rule, action] += 1
        self._begin_hour()
        subject = _Subject(rule, project, filename)
        if subject in self._times:
            self._times[subject] += 1
        elif len(self._times) < MAX_LINES_PER_HOUR:
            self._times[subject] = 1
            _log(subject, action, reason)

    def _begin_hour(self) -> None:
        """Log how often the subjects of the hour before were met, and forget them."""
        hour = self._now().replace(minute=0, second=0, microsecond=0)
        if hour == self._hour:
            return
        for subject, times in self._times.items():
            if times > 1:
                log.info("%s: %d times in that hour", _title(subject), times)
        self._hour, self._times = hour, {}


def notes_on(basis: Basis) -> tuple[str, ...]:
    """Return for people which rules of a policy cannot decide about anything now."""
    rules, advisories = basis.policy.rules, basis.advisories
    wanted = [
        name
        for name, rule in (("malware", rules.malware), ("vulnerabilities", rules.vulnerabilities))
        if rule.action is not Action.OFF
    ]
    if advisories.are_known or not wanted:
        return ()
    return (f"There are no advisories yet, so the rule {' and the rule '.join(wanted)} cannot refuse a file.",)


def _log(subject: _Subject, action: Action, reason: str) -> None:
    fields = {
        "rule": subject.rule,
        "action": action,
        "project": subject.project,
        "file": subject.filename,
        "reason": reason,
    }
    known = {name: value for name, value in fields.items() if value}
    log.warning(_title(subject), extra={"fields": known})


def _title(subject: _Subject) -> str:
    return f"The rule {subject.rule} concerns {subject.filename or subject.project}"
