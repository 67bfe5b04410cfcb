"""The words and colors for times and conditions, in the plugin's output."""

from collections.abc import Sequence

from wheelyard_operator.condition_types import PAUSED, READY, RECONCILING, STALLED
from wheelyard_operator.resource import IndexUser, Manifest, PackageIndex
from wheelyard_operator.times import seconds_until

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_COLORS = {"True": "green", "False": "red"}


def duration(seconds: float) -> str:
    """Return a length of time in one unit, as kubectl does for ages."""
    size, unit = next((each for each in _UNITS if seconds >= 2 * each[0]), _UNITS[-1])
    return f"{int(max(seconds, 0) // size)}{unit}"


def ago(time: str, now: str) -> str:
    """Return the time, and how long ago it was."""
    return f"{time} ({duration(-seconds_until(time, now))} ago)"


def from_now(time: str, now: str) -> str:
    """Return the time, and how far ahead it is."""
    return f"{time} (in {duration(seconds_until(time, now))})"


def condition(resource: PackageIndex | IndexUser, kind: str) -> Manifest:
    """Return a condition; it is Unknown if the operator has not seen the current resource."""
    status = resource.status
    found = next((each for each in status.get("conditions", ()) if each["type"] == kind), None)
    if found is None:
        message = "The operator has not processed it yet: is the operator running?"
        return {"type": kind, "status": "Unknown", "reason": "NotSeen", "message": message}
    if status.get("observedGeneration", 0) != resource.meta.generation and not resource.meta.paused:
        message = "The operator has not processed the latest change yet."
        return {"type": kind, "status": "Unknown", "reason": "NotSeen", "message": message}
    return dict(found)


def is_ready(resource: PackageIndex | IndexUser) -> bool:
    """Return whether the current resource is ready."""
    return bool(condition(resource, READY)["status"] == "True")


def headline(resource: PackageIndex | IndexUser) -> str:
    """Return the state in a few words."""
    ready = condition(resource, READY)
    state = "Ready" if ready["status"] == "True" else str(ready["reason"])
    also = [
        word
        for word, applies in (("paused", resource.meta.paused), ("deleting", resource.meta.deleting))
        if applies
    ]
    return ", ".join([state, *also])


def styles(resource: PackageIndex | IndexUser) -> Sequence[str]:
    """Return the styles of the state."""
    return (_COLORS.get(str(condition(resource, READY)["status"]), "yellow"), "bold")


def shown_conditions(resource: PackageIndex | IndexUser) -> list[tuple[Manifest, str]]:
    """Return the conditions to show, each with its color.

    Ready is shown as the state, and Reconciling and Stalled only if they are true.
    """
    return [
        (each, _color(each))
        for each in resource.status.get("conditions", ())
        if each["type"] != READY and not (each["type"] in {RECONCILING, STALLED} and each["status"] == "False")
    ]


def _color(shown: Manifest) -> str:
    if shown["type"] in {RECONCILING, STALLED, PAUSED}:
        return "red" if shown["type"] == STALLED else "yellow"
    return _COLORS.get(shown["status"], "yellow")
