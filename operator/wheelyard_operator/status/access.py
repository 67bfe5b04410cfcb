"""Whether the rights that are declared are those in force."""

from collections.abc import Mapping, Sequence

from wheelyard_operator.condition_types import ACCESS_IN_FORCE
from wheelyard_operator.resource.globs import MAX_LENGTH, MAX_STARS
from wheelyard_operator.status.conditions import Condition


def access_in_force(answers: Mapping[str, bool | None], ignored: Sequence[str] = ()) -> Condition:
    """Say it by what the ready pods answered, by name; None did not answer. `ignored` globs have no effect."""
    refusing = sorted(pod for pod, usable in answers.items() if usable is False)
    if refusing:
        message = (
            f"Index server {refusing[0]} does not use the present access file and goes on with the one before: is"
            f" its image as new as the operator's? See kubectl logs {refusing[0]}."
        )
        return Condition(ACCESS_IN_FORCE, "False", "AccessFileRefused", message)
    if ignored:
        return Condition(ACCESS_IN_FORCE, "False", "GlobsIgnored", f"spec.access has {ignored_globs(ignored)}")
    if not answers or None in answers.values():
        message = "Not every index server has said so: it is starting, or a network policy bars port 9090."
        return Condition(ACCESS_IN_FORCE, "Unknown", "NotKnown", message)
    return Condition(ACCESS_IN_FORCE, "True", "InForce", "Every index server has the users and grants of now.")


def ignored_globs(globs: Sequence[str]) -> str:
    """Say which globs have no effect, and what to do about it."""
    more = f" and {len(globs) - 1} more" if len(globs) > 1 else ""
    return (
        f"the glob {globs[0][:MAX_LENGTH]}{more}, which has no effect: write globs with at most {MAX_STARS} '*' and"
        f" {MAX_LENGTH} characters."
    )
