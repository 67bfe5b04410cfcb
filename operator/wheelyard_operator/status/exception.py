"""The status of a PackageException."""

from wheelyard_operator.condition_types import ACCEPTED, READY, RECONCILING, STALLED
from wheelyard_operator.resource import Manifest, PackageException
from wheelyard_operator.resource.consent import ENDED, Judgment, Refusal
from wheelyard_operator.status.conditions import NO_ACTION, Condition, as_api


def exception_status(exception: PackageException, found: Judgment, now: str) -> Manifest:
    """Return the whole status, in which None removes a field. `now` is RFC 3339."""
    generation = exception.meta.generation
    return {
        "observedGeneration": generation,
        "until": found.ends or None,
        "conditions": as_api(_conditions(exception, found), exception.status, generation, now),
    }


def _conditions(exception: PackageException, found: Judgment) -> list[Condition]:
    refusal = found.refusal
    if refusal is None:
        message = _in_force(exception, found.ends)
        return [*(Condition(each, "True", "InForce", message) for each in (READY, ACCEPTED)), *_settled()]
    accepted = Condition(ACCEPTED, "False", *refusal)
    if refusal.reason == ENDED:
        # It has done its work: that must not fail what waits for the resources of a Git repository.
        return [Condition(READY, "True", *refusal), accepted, *_settled()]
    return [
        Condition(READY, "False", *refusal),
        accepted,
        Condition(RECONCILING, "False", "Stalled", "An action is needed: see Stalled."),
        Condition(STALLED, "True", *refusal),
    ]


def _in_force(exception: PackageException, ends: str) -> str:
    return f"{exception.index} does not apply {', '.join(exception.rules)} to these releases until {ends}."


def _settled() -> list[Condition]:
    return [
        Condition(RECONCILING, "False", "Settled", "Nothing is left to do."),
        Condition(STALLED, "False", "Progressing", NO_ACTION),
    ]


def no_index(exception: PackageException) -> Refusal:
    """Return why an exception does not count whose index does not exist."""
    return Refusal(
        "IndexNotFound",
        f"There is no PackageIndex {exception.index.name} in namespace {exception.index.namespace}: create it, or"
        " delete this exception and create one with the right spec.indexRef.",
    )


def no_room(exception: PackageException) -> Refusal:
    """Return why an exception does not count for which its index has no room."""
    return Refusal(
        "NoRoom",
        f"The policy of {exception.index} has no room for more exceptions of namespace"
        f" {exception.meta.namespace}: delete older ones there.",
    )
