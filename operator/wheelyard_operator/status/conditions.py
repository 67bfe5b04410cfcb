"""Conditions that follow the conventions of Kubernetes, and of kstatus, which Argo CD and Flux use."""

from collections.abc import Iterable
from dataclasses import dataclass

from wheelyard_operator.condition_types import (
    ACCESS_IN_FORCE,
    EXCEPTIONS_CURRENT,
    PAUSED,
    POLICY_IN_FORCE,
    QUARANTINED,
    READY,
    RECONCILING,
    STALLED,
)
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest

_MAX_MESSAGE_LENGTH = 4096

WORKING = "working"
_STATES = ((PAUSED, "paused"), (STALLED, "stalled"), (READY, "ready"))
"""The first condition that is true decides."""
STATES = (*(word for _, word in _STATES), WORKING)


@dataclass(frozen=True)
class Condition:
    """A condition; its status is "True", "False" or "Unknown"."""

    type: str
    status: str
    reason: str
    message: str


PAUSED_CONDITION = Condition(
    PAUSED,
    "True",
    "PausedByAnnotation",
    "Nothing is changed, including permissions, until the annotation wheelyard.dev/paused is removed. Pods keep"
    " running.",
)
NO_ACTION = "No action is needed."
_PAUSED_UNREADY = "Paused before it was ready: nothing happens until wheelyard.dev/paused is removed."

_ROUTINE = {
    "AccessPending",
    "NotDeployed",
    "RollingOut",
    "ScaledToZero",
    "WaitingForDeletion",
    "WaitingForServers",
}
"""Reasons that every healthy start, change and deletion passes through: they get no event."""
_SILENT = {ACCESS_IN_FORCE, POLICY_IN_FORCE}
"""Conditions that become True after each change: they get an event only if they are False."""
_LISTS = {EXCEPTIONS_CURRENT, QUARANTINED}
"""Conditions whose messages name releases: each new one gets an event."""
_STARTING = "Starting"
"""Routine as well, except for servers that were available before."""


def as_api(conditions: Iterable[Condition], old_status: Manifest, generation: int, now: str) -> list[Manifest]:
    """Return the conditions in the form of the API; lastTransitionTime changes only with the status."""
    old = {each["type"]: each for each in old_status.get("conditions", ())}
    return [
        {
            "type": each.type,
            "status": each.status,
            "observedGeneration": generation,
            "lastTransitionTime": _since(each, old.get(each.type), now),
            "reason": each.reason,
            "message": truncate(each.message, _MAX_MESSAGE_LENGTH),
        }
        for each in conditions
    ]


def truncate(text: str, length: int) -> str:
    """Return at most `length` characters of a text: the schema of the status refuses longer ones."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def state(status: Manifest) -> str:
    """Return the state for metrics: paused, stalled (an action is needed), ready or working."""
    true = {each["type"] for each in status["conditions"] if each["status"] == "True"}
    return next((word for condition, word in _STATES if condition in true), WORKING)


def problem_conditions(problem: Problem) -> list[Condition]:
    """Return the conditions for a problem that blocks everything."""
    return [
        Condition(READY, "False", problem.reason, problem.message),
        Condition(RECONCILING, str(not problem.stalled), problem.reason, problem.message),
        Condition(STALLED, str(problem.stalled), problem.reason, problem.message),
    ]


def is_stalled(status: Manifest) -> bool:
    """Return whether an action is needed."""
    return any((each["type"], each["status"]) == (STALLED, "True") for each in status.get("conditions", ()))


def paused_conditions(status: Manifest, generation: int, now: str) -> list[Manifest]:
    """Return the conditions of a paused resource: the known ones stay, but nothing is in progress.

    It is ready only if its current generation was. Otherwise it is stalled until it is resumed.
    """
    known = {each["type"]: each for each in status.get("conditions", ())}
    ready = known.get(READY, {})
    is_ready = ready.get("status") == "True" and status.get("observedGeneration") == generation
    reason = PAUSED_CONDITION.reason
    conditions = [
        *([] if is_ready else [Condition(READY, "False", reason, _PAUSED_UNREADY)]),
        Condition(RECONCILING, "False", reason, PAUSED_CONDITION.message),
        Condition(STALLED, str(not is_ready), reason, NO_ACTION if is_ready else _PAUSED_UNREADY),
        PAUSED_CONDITION,
    ]
    return merge_conditions(status, conditions, generation, now)


def merge_conditions(
    status: Manifest, conditions: Iterable[Condition], generation: int, now: str
) -> list[Manifest]:
    """Return the conditions of a status; these replace those of the same types, and the others stay."""
    new = {each["type"]: each for each in as_api(conditions, status, generation, now)}
    old = [new.pop(each["type"], each) for each in status.get("conditions", ())]
    return [*old, *new.values()]


def transitions(old_status: Manifest, new_status: Manifest) -> list[Condition]:
    """Return the conditions that deserve an event: their status or reason is new."""
    old = {each["type"]: _key(each) for each in old_status.get("conditions", ())}
    return [
        Condition(each["type"], each["status"], each["reason"], each["message"])
        for each in new_status["conditions"]
        if each["type"] not in {RECONCILING, STALLED}
        and each["status"] != "Unknown"
        and not (each["type"] in _SILENT and each["status"] == "True")
        and old.get(each["type"]) != _key(each)
        and not _is_routine(each, old.get(each["type"], ("",))[0])
    ]


def _key(condition: Manifest) -> tuple[str, ...]:
    """Return what an event reports: a change of it gets a new one."""
    named = (condition["message"],) if condition["type"] in _LISTS else ()
    return condition["status"], condition["reason"], *named


def _is_routine(condition: Manifest, before: str) -> bool:
    reason = condition["reason"]
    return condition["status"] == "False" and (reason in _ROUTINE or (reason == _STARTING and before != "True"))


def _since(condition: Condition, old: Manifest | None, now: str) -> str:
    if old and old["status"] == condition.status:
        return str(old["lastTransitionTime"])
    return now
