"""The conditions about an index's policy: in force, advisories, exceptions, and quarantine by hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wheelyard_operator.condition_types import (
    ADVISORIES_CURRENT,
    EXCEPTIONS_CURRENT,
    POLICY_IN_FORCE,
    QUARANTINED,
)
from wheelyard_operator.policy_states import AdvisoriesState, PolicyAnswer
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest, Policy
from wheelyard_operator.resource.policy import about
from wheelyard_operator.status.conditions import Condition
from wheelyard_operator.times import end_of, later

_MAX_NAMED = 5
SOON_SECONDS = 7 * 86_400
"""Exceptions that end within this time are named."""
_MINIMUM = "as policy.minimum of the operator's Helm chart demands"

_WAITING = (
    "New advisories look wrong, so they are not used: {}. Known ones still count. Check the feed, then use"
    " wheelyard advisories accept."
)
_LATE = (
    "The feed of advisories has brought nothing new for hours{}. Known ones still count, but newer malware is not"
    " refused. See the logs of the index servers, and spec.advisories."
)

_LOST = (
    "An index server cannot read the advisories in the storage. The last ones that it has read still count. See the"
    " logs of the index servers."
)


@dataclass(frozen=True)
class PolicyFindings:
    """The policy of an index, and what its servers say about it."""

    policy: Policy
    digest: str
    """SHA-256 of the policy file."""
    exceptions: Sequence[Manifest] = ()
    """All in the file, in its form."""
    raised: Sequence[str] = ()
    """What the platform team's minimum has raised, as parts of a sentence."""
    cut: Sequence[str] = ()
    """Sentences about exceptions of the index that are allowed in part."""
    left_out: Sequence[str] = ()
    """Namespaces whose newest exceptions have no room."""
    feed_refusal: Problem | None = None
    """Why the servers get no feed of advisories."""
    answers: Mapping[str, PolicyAnswer | None] = field(default_factory=dict)
    """The answer of each ready pod, by name; None did not answer."""

    @property
    def is_pending(self) -> bool:
        """Return whether a server still has an earlier file."""
        return any(each.file.is_usable and each.file.revision != self.digest for each in self.given)

    @property
    def given(self) -> list[PolicyAnswer]:
        """The answers that were given, in a stable order."""
        return [answer for _, answer in sorted(self.answers.items()) if answer]


def policy_conditions(findings: PolicyFindings, now: str) -> list[Condition]:
    """Return the conditions. `now` is RFC 3339."""
    return [
        _in_force(findings),
        *_advisories(findings),
        *_exceptions(findings, now),
        *_quarantine(findings.given),
    ]


def next_end(exceptions: Iterable[Manifest], now: str) -> str:
    """Return when the next exception ends, RFC 3339; "" if none will."""
    ends = (end_of(each["until"]) for each in exceptions)
    return min((each for each in ends if now < each), default="")


def count_in_force(exceptions: Iterable[Manifest], now: str) -> int:
    """Return the number of exceptions that have not ended."""
    return sum(now < end_of(each["until"]) for each in exceptions)


def _in_force(findings: PolicyFindings) -> Condition:
    for name, answer in sorted(findings.answers.items()):
        if answer and not answer.file.is_usable:
            return Condition(POLICY_IN_FORCE, "False", "PolicyFileRefused", _refused(name, answer.file.error))
    if not findings.answers or None in findings.answers.values():
        message = "An index server has not reported its policy: it is starting, or a policy blocks port 9090."
        return Condition(POLICY_IN_FORCE, "Unknown", "NotKnown", message)
    if findings.is_pending:
        message = "The index servers are getting the current policy, which takes seconds."
        return Condition(POLICY_IN_FORCE, "Unknown", "Updating", message)
    if findings.raised:
        message = f"Raised by policy.minimum of the operator's Helm chart: {', '.join(findings.raised)}."
        return Condition(POLICY_IN_FORCE, "True", "MinimumRaised", message)
    return Condition(POLICY_IN_FORCE, "True", "InForce", "Every index server uses the current policy.")


def _refused(server: str, error: str) -> str:
    why = f": {error.rstrip('.')}" if error else ""
    return (
        f"Index server {server} does not use the current policy and keeps the previous one{why}. Is its image as"
        f" new as the operator's? See kubectl logs {server}."
    )


def _advisories(findings: PolicyFindings) -> list[Condition]:
    if not findings.policy.reads_advisories:
        return []
    if refusal := findings.feed_refusal:
        return [Condition(ADVISORIES_CURRENT, "False", refusal.reason, refusal.message)]
    states = [each.advisories for each in findings.given if each.advisories]
    if not states:
        message = "No index server has reported its advisories yet."
        return [Condition(ADVISORIES_CURRENT, "Unknown", "NotKnown", message)]
    for reason, message in _problems(states, findings.policy):
        return [Condition(ADVISORIES_CURRENT, "False", reason, message)]
    message = "The index servers have current advisories about malware and vulnerabilities."
    return [Condition(ADVISORIES_CURRENT, "True", "Current", message)]


def _problems(states: Iterable[AdvisoriesState], policy: Policy) -> Iterator[tuple[str, str]]:
    for state in states:
        if not state.records and not state.feed:
            yield "NoFeed", f"{_without_advisories(policy)} Set spec.advisories, or use wheelyard advisories load."
        elif not state.records:
            yield (
                "NothingYet",
                f"No advisories have come from the feed yet{_why(state)}. {_without_advisories(policy)}",
            )
        elif state.is_lost:
            yield "Lost", _LOST
        elif state.waiting:
            yield "WaitsForPerson", _WAITING.format(state.waiting.rstrip("."))
        elif state.is_late:
            yield "Late", _LATE.format(_why(state))


def _why(state: AdvisoriesState) -> str:
    return f": {state.failure.rstrip('.')}" if state.failure else ""


def _without_advisories(policy: Policy) -> str:
    if policy.rules.get("malware", {}).get("requireFeed"):
        return "There are no advisories, so files of upstreams are refused (malware.requireFeed)."
    return "There are no advisories, so no file is refused because of malware or vulnerabilities."


def _exceptions(findings: PolicyFindings, now: str) -> list[Condition]:
    notes, soon = list(findings.cut), later(now, SOON_SECONDS)
    if not (findings.exceptions or notes or findings.left_out):
        return []
    ended = [each for each in findings.exceptions if end_of(each["until"]) <= now]
    ending = [each for each in findings.exceptions if now < end_of(each["until"]) <= soon]
    texts = [
        *([f"Ended, with no effect: {_named(ended)}. Remove them from spec.policy.exceptions."] if ended else []),
        *(f"{each}, {_MINIMUM}." for each in notes),
        *(f"The newest PackageExceptions of namespace {each} have no room." for each in findings.left_out),
        *([f"Ending within 7 days: {_named(ending)}."] if ending else []),
    ]
    reasons = {"Ended": ended, "BeyondMinimum": notes, "NoRoom": findings.left_out}
    reason = next((each for each, found in reasons.items() if found), "")
    if reason:
        return [Condition(EXCEPTIONS_CURRENT, "False", reason, " ".join(texts))]
    if ending:
        return [Condition(EXCEPTIONS_CURRENT, "True", "EndingSoon", " ".join(texts))]
    return [Condition(EXCEPTIONS_CURRENT, "True", "Current", "No exception ends within 7 days.")]


def _named(exceptions: Sequence[Manifest]) -> str:
    """Return a phrase that names exceptions with their ends, the first ones by their end."""
    in_order = sorted(exceptions, key=lambda each: (end_of(each["until"]), each["packages"]))
    named = [_name(each) for each in in_order[:_MAX_NAMED]]
    more = f" and {len(in_order) - _MAX_NAMED} more" if len(in_order) > _MAX_NAMED else ""
    return f"{'; '.join(named)}{more}"


def _name(exception: Manifest) -> str:
    source = exception.get("source", "")
    asked = f" of PackageException {source}" if source else ""
    return f"{about(exception)} from {', '.join(exception['from'])}{asked} (until {exception['until']})"


def _quarantine(given: Iterable[PolicyAnswer]) -> list[Condition]:
    states = [each.quarantine for each in given if each.quarantine.entries]
    if not states:
        return []
    state = max(states, key=lambda each: each.entries)
    more = f" and {state.entries - len(state.first)} more" if state.entries > len(state.first) else ""
    message = (
        f"Quarantined by hand: {'; '.join(state.first)}{more}. Lift it with wheelyard quarantine --lift; to keep it"
        " refused, write it into spec.policy.deny first."
    )
    return [Condition(QUARANTINED, "True", "ByHand", message)]
