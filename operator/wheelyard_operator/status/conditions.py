"""Conditions by the conventions of Kubernetes (and of kstatus, which Argo CD and Flux read)."""

from collections.abc import Iterable
from dataclasses import dataclass

from wheelyard_operator.condition_types import ACCESS_IN_FORCE, PAUSED, READY, RECONCILING, STALLED
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest

_MAX_MESSAGE_LENGTH = 4096

WORKING = "working"
_STATES = ((PAUSED, "paused"), (STALLED, "stalled"), (READY, "ready"))
"""The first that is true counts."""
STATES = (*(word for _, word in _STATES), WORKING)


@dataclass(frozen=True)
class Condition:
    """One condition; status is True | False | Unknown."""

    type: str
    status: str
    reason: str
    message: str


PAUSED_CONDITION = Condition(
    PAUSED,
    "True",
    "PausedByAnnotation",
    "Nothing is changed, rights included, until the annotation wheelyard.dev/paused is removed. What runs goes on.",
)
_PAUSED_UNREADY = "Paused before it was ready as it is now: nothing happens until wheelyard.dev/paused is removed."

_ON_THE_WAY = {
    "AccessPending",
    "NotDeployed",
    "RollingOut",
    "ScaledToZero",
    "WaitingForDeletion",
    "WaitingForServers",
}
"""Reasons that every healthy start, change and end passes: they are no news."""
_STARTING = "Starting"
"""On the way, too, but not for servers that were there."""


def as_api(conditions: Iterable[Condition], old_status: Manifest, generation: int, now: str) -> list[Manifest]:
    """Return the conditions as the API has them; the time changes only when a status does."""
    old = {each["type"]: each for each in old_status.get("conditions", ())}
    return [
        {
            "type": each.type,
            "status": each.status,
            "observedGeneration": generation,
            "lastTransitionTime": _since(each, old.get(each.type), now),
            "reason": each.reason,
            "message": shortened(each.message, _MAX_MESSAGE_LENGTH),
        }
        for each in conditions
    ]


def shortened(text: str, length: int) -> str:
    """Return a text that the schema of the status takes."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def state(status: Manifest) -> str:
    """Return a status in a word, for counting: paused, stalled (somebody has to act), ready or working."""
    true = {each["type"] for each in status["conditions"] if each["status"] == "True"}
    return next((word for condition, word in _STATES if condition in true), WORKING)


def problem_conditions(problem: Problem) -> list[Condition]:
    """Return what a problem that is in the way of everything makes of a resource."""
    return [
        Condition(READY, "False", problem.reason, problem.message),
        Condition(RECONCILING, str(not problem.stalled), problem.reason, problem.message),
        Condition(STALLED, str(problem.stalled), problem.reason, problem.message),
    ]


def is_stalled(status: Manifest) -> bool:
    """Return whether somebody has to act."""
    return any((each["type"], each["status"]) == (STALLED, "True") for each in status.get("conditions", ()))


def paused(status: Manifest, generation: int, now: str) -> list[Manifest]:
    """Return the conditions of a resource that is paused: what was known of it stays, but nothing is under way.

    It is ready only if it was, as it is now. Else only its being resumed makes it so, which is what Stalled says.
    """
    known = {each["type"]: each for each in status.get("conditions", ())}
    ready = known.get(READY, {})
    is_ready = ready.get("status") == "True" and status.get("observedGeneration") == generation
    reason = PAUSED_CONDITION.reason
    conditions = [
        *([] if is_ready else [Condition(READY, "False", reason, _PAUSED_UNREADY)]),
        Condition(RECONCILING, "False", reason, PAUSED_CONDITION.message),
        Condition(STALLED, str(not is_ready), reason, "Nobody has to act." if is_ready else _PAUSED_UNREADY),
        PAUSED_CONDITION,
    ]
    return replaced(status, conditions, generation, now)


def replaced(status: Manifest, conditions: Iterable[Condition], generation: int, now: str) -> list[Manifest]:
    """Return the conditions of a status with these in the place of its own; the others stay as they were."""
    new = {each["type"]: each for each in as_api(conditions, status, generation, now)}
    old = [new.pop(each["type"], each) for each in status.get("conditions", ())]
    return [*old, *new.values()]


def transitions(old_status: Manifest, new_status: Manifest) -> list[Condition]:
    """Return the conditions that are worth an event: those whose status or reason is news."""
    old = {each["type"]: (each["status"], each["reason"]) for each in old_status.get("conditions", ())}
    return [
        Condition(each["type"], each["status"], each["reason"], each["message"])
        for each in new_status["conditions"]
        if each["type"] not in {RECONCILING, STALLED}
        and each["status"] != "Unknown"
        and not (each["type"] == ACCESS_IN_FORCE and each["status"] == "True")
        and old.get(each["type"]) != (each["status"], each["reason"])
        and not _is_on_the_way(each, old.get(each["type"], ("", ""))[0])
    ]


def _is_on_the_way(condition: Manifest, before: str) -> bool:
    reason = condition["reason"]
    return condition["status"] == "False" and (reason in _ON_THE_WAY or (reason == _STARTING and before != "True"))


def _since(condition: Condition, old: Manifest | None, now: str) -> str:
    if old and old["status"] == condition.status:
        return str(old["lastTransitionTime"])
    return now
