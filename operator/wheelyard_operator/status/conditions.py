"""Conditions by the conventions of Kubernetes (and of kstatus, which Argo CD and Flux read)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wheelyard_operator.resource import Manifest

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
PAUSED = "Paused"
ACCESS_IN_FORCE = "AccessInForce"
"""Of every pod anew when it starts: only its being False is worth an event."""


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


def written(conditions: Iterable[Condition], old_status: Manifest, generation: int, now: str) -> list[Manifest]:
    """Give the conditions as the API has them; the time changes only when a status does."""
    old = {each["type"]: each for each in old_status.get("conditions", ())}
    return [
        {
            "type": each.type,
            "status": each.status,
            "observedGeneration": generation,
            "lastTransitionTime": _since(each, old.get(each.type), now),
            "reason": each.reason,
            "message": each.message,
        }
        for each in conditions
    ]


def state(status: Manifest) -> str:
    """Give a status in a word, for counting: paused, stalled (somebody has to act), ready or working."""
    true = {each["type"] for each in status["conditions"] if each["status"] == "True"}
    return next((word for condition, word in _STATES if condition in true), WORKING)


def transitions(old_status: Manifest, new_status: Manifest) -> list[Condition]:
    """Give the conditions that are worth an event: those whose status or reason is news."""
    old = {each["type"]: (each["status"], each["reason"]) for each in old_status.get("conditions", ())}
    return [
        Condition(each["type"], each["status"], each["reason"], each["message"])
        for each in new_status["conditions"]
        if each["type"] not in {RECONCILING, STALLED}
        and each["status"] != "Unknown"
        and not (each["type"] == ACCESS_IN_FORCE and each["status"] == "True")
        and old.get(each["type"]) != (each["status"], each["reason"])
    ]


def _since(condition: Condition, old: Manifest | None, now: str) -> str:
    if old and old["status"] == condition.status:
        return str(old["lastTransitionTime"])
    return now
