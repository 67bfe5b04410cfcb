"""What one rule has against one file, and the verdict that follows from all of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from wheelyard_server.policy.verdict import PERMITTED, Rule, Verdict
from wheelyard_server.settings.policy import Action, PolicyException

MAX_ADVISORIES = 20
"""Maximum number of advisories that a verdict names."""

_RANKS = {rule: rank for rank, rule in enumerate(Rule)}


class Objection(NamedTuple):
    """It holds in an interval of time and does not depend on the present: `fold` does."""

    rule: Rule
    reason: str
    """The sentence for people, see `policy.sentences`."""
    action: Action = Action.BLOCK
    """Block or Report."""
    since: datetime | None = None
    """The first moment at which it holds, in UTC; None: it has always done."""
    until: datetime | None = None
    """The first moment at which it no longer holds, in UTC; None: it does not end by itself."""
    advisories: tuple[str, ...] = ()
    """Ids of the advisories that it is based on."""
    exception: PolicyException | None = None
    """The exception that lifts it until its own end; of several the one that ends last."""
    is_served: bool = False
    """Whether the file can be downloaded all the same: pages do not list it."""

    def holds(self, at: datetime) -> bool:
        """Return whether there is this objection at a moment, excepted or not."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)

    def is_lifted(self, at: datetime) -> bool:
        """Return whether an exception lifts it at a moment."""
        return self.exception is not None and at < self.exception.until

    @property
    def moments(self) -> tuple[datetime, ...]:
        """Return the moments at which it begins, ends, and is no longer lifted."""
        ends = None if self.exception is None else self.exception.until
        return tuple(each for each in (self.since, self.until, ends) if each is not None)


def in_order(objections: Iterable[Objection]) -> tuple[Objection, ...]:
    """Return objections in the order in which rules precede each other."""
    return tuple(sorted(objections, key=lambda each: _RANKS[each.rule]))


def fold(objections: Sequence[Objection], now: datetime) -> Verdict:
    """Return the verdict that follows from all objections to a file, which are in order."""
    verdict = _at(objections, now)
    moments = sorted({moment for each in objections for moment in each.moments if moment > now})
    until = next((moment for moment in moments if _at(objections, moment) != verdict), None)
    return verdict if until is None else verdict._replace(until=until)


def _at(objections: Iterable[Objection], now: datetime) -> Verdict:
    """Return the verdict of one moment, without its end."""
    held = [each for each in objections if each.holds(now)]
    if not held:
        return PERMITTED
    standing = [each for each in held if not each.is_lifted(now)]
    blocking = [each for each in standing if each.action is Action.BLOCK]
    refused = [each for each in blocking if not each.is_served]
    if refused:
        return _refusal(refused)
    hidden = blocking[0] if blocking else None
    return Verdict(
        is_listed=hidden is None,
        rule=hidden.rule if hidden else None,
        reason=hidden.reason if hidden else "",
        reported=tuple(dict.fromkeys(each.rule for each in standing if each.action is Action.REPORT)),
        exception=_exception(held, now),
    )


def _refusal(refused: Sequence[Objection]) -> Verdict:
    """Return the verdict by the first rule that refuses a file."""
    first = refused[0]
    ids = dict.fromkeys(id_ for each in refused if each.rule is first.rule for id_ in each.advisories)
    return Verdict(
        is_listed=False,
        is_served=False,
        rule=first.rule,
        reason=first.reason,
        advisories=tuple(ids)[:MAX_ADVISORIES],
    )


def _exception(held: Iterable[Objection], now: datetime) -> str:
    """Return the reason of the exception that lets a file in; "" if it needs none."""
    lifted = (each.exception for each in held if each.action is Action.BLOCK and each.is_lifted(now))
    return next((exception.reason for exception in lifted if exception is not None), "")
