"""Raises the policy of an index to the platform team's minimum: a pure function."""

from collections.abc import Iterator

from wheelyard_operator.durations import parse_duration
from wheelyard_operator.policy_minimum import ACTIONS, PolicyMinimum
from wheelyard_operator.resource import Manifest, Policy
from wheelyard_operator.resource.policy import about
from wheelyard_operator.times import end_of, later

_DEFAULT_AGE = "7d"
"""The default of the schema, and of the servers."""


def floored_rules(policy: Policy, minimum: PolicyMinimum, *, lacks_feed: bool) -> tuple[Manifest, tuple[str, ...]]:
    """Return the rules with the minimum, and what was raised, as parts of a sentence.

    Without a feed, malware that must be refused is unknown: then servers need advisories that were
    loaded by hand.
    """
    cooldown, malware = policy.rules.get("cooldown", {}), policy.rules.get("malware", {})
    changes: Manifest = {}
    raised: list[str] = []
    if minimum.cooldown_seconds and _cooldown_seconds(cooldown) < minimum.cooldown_seconds:
        changes["cooldown"] = {**cooldown, "action": "Block", "age": _age(minimum.cooldown_seconds)}
        raised.append(f"the cooldown is {_age(minimum.cooldown_seconds)} with action Block")
    if ACTIONS.index(malware.get("action", "Block")) < ACTIONS.index(minimum.malware):
        malware = changes["malware"] = {**malware, "action": minimum.malware}
        raised.append(f"the action on malware is {minimum.malware}")
    if minimum.malware == "Block" and lacks_feed and not malware.get("requireFeed"):
        changes["malware"] = {**malware, "requireFeed": True}
        raised.append("malware.requireFeed is true, since there is no feed of advisories")
    return {**policy.rules, **changes}, tuple(raised)


def _cooldown_seconds(cooldown: Manifest) -> int:
    """Return the age that is enforced."""
    is_enforced = cooldown.get("action", "Block") == "Block"
    return parse_duration(cooldown.get("age", _DEFAULT_AGE)) if is_enforced else 0


def _age(seconds: int) -> str:
    return f"{seconds // 86_400}d" if seconds % 86_400 == 0 else f"{seconds}s"


def allowed_exception(
    asked: Manifest, minimum: PolicyMinimum, first_seen: str
) -> tuple[Manifest | None, list[str]]:
    """Return the part of an exception that the platform team allows, None if nothing, and sentences about the rest.

    Its time begins when the operator first sees it.
    """
    rules = [each for each in asked["from"] if each not in minimum.never]
    notes = list(_about_rules(asked, minimum))
    ends = later(first_seen, minimum.max_exception_seconds) if minimum.max_exception_seconds else ""
    allowed = {**asked, "from": rules}
    if ends and ends < end_of(asked["until"]):
        allowed["until"] = ends
        notes.append(f"The exception for {about(asked)} ends at {ends}, not at {asked['until']}")
    return (allowed if rules else None), notes


def _about_rules(asked: Manifest, minimum: PolicyMinimum) -> Iterator[str]:
    if banned := [each for each in asked["from"] if each in minimum.never]:
        yield f"The exception for {about(asked)} does not lift {' and '.join(banned)}"
