"""How times and conditions are told to people."""

from collections.abc import Sequence

from wheelyard_operator.condition_types import PAUSED, READY, RECONCILING, STALLED
from wheelyard_operator.resource import IndexUser, Manifest, PackageIndex
from wheelyard_operator.times import seconds_until

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_COLOURS = {"True": "green", "False": "red"}


def duration(seconds: float) -> str:
    """Return a length of time in one unit, as kubectl does for ages."""
    size, unit = next((each for each in _UNITS if seconds >= 2 * each[0]), _UNITS[-1])
    return f"{int(max(seconds, 0) // size)}{unit}"


def ago(time: str, now: str) -> str:
    """Return the time, and how long that has been."""
    return f"{time} ({duration(-seconds_until(time, now))} ago)"


def ahead(time: str, now: str) -> str:
    """Return the time, and how long it is until then."""
    return f"{time} (in {duration(seconds_until(time, now))})"


def condition(resource: PackageIndex | IndexUser, kind: str) -> Manifest:
    """Return a condition, Unknown where the operator has not seen the resource as it is now."""
    status = resource.status
    found = next((each for each in status.get("conditions", ()) if each["type"] == kind), None)
    if found is None:
        message = "The operator has not looked at it yet: is it running?"
        return {"type": kind, "status": "Unknown", "reason": "NotSeen", "message": message}
    if status.get("observedGeneration", 0) != resource.meta.generation and not resource.meta.paused:
        message = "It was changed, and the operator has not looked at it since."
        return {"type": kind, "status": "Unknown", "reason": "NotSeen", "message": message}
    return dict(found)


def is_ready(resource: PackageIndex | IndexUser) -> bool:
    """Return whether all is well with the resource as it is now."""
    return bool(condition(resource, READY)["status"] == "True")


def headline(resource: PackageIndex | IndexUser) -> str:
    """Return its state in one word, or few."""
    ready = condition(resource, READY)
    state = "Ready" if ready["status"] == "True" else str(ready["reason"])
    extra = [
        word for word, holds in (("paused", resource.meta.paused), ("deleting", resource.meta.deleting)) if holds
    ]
    return ", ".join([state, *extra])


def styles(resource: PackageIndex | IndexUser) -> Sequence[str]:
    """Return the colours of its state."""
    return (_COLOURS.get(str(condition(resource, READY)["status"]), "yellow"), "bold")


def told(resource: PackageIndex | IndexUser) -> list[tuple[Manifest, str]]:
    """Return the conditions worth reading, with the colour of each; Ready has been told before."""
    return [
        (each, _colour(each))
        for each in resource.status.get("conditions", ())
        if each["type"] != READY and not (each["type"] in {RECONCILING, STALLED} and each["status"] == "False")
    ]


def _colour(told_condition: Manifest) -> str:
    if told_condition["type"] in {RECONCILING, STALLED, PAUSED}:
        return "red" if told_condition["type"] == STALLED else "yellow"
    return _COLOURS.get(told_condition["status"], "yellow")
