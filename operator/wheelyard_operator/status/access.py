"""The condition AccessInForce: whether index servers use the declared permissions."""

from collections.abc import Mapping, Sequence

from wheelyard_operator.condition_types import ACCESS_IN_FORCE
from wheelyard_operator.resource.globs import MAX_LENGTH, MAX_STARS
from wheelyard_operator.status.conditions import Condition


def access_condition(answers: Mapping[str, bool | None], ignored: Sequence[str] = ()) -> Condition:
    """Return AccessInForce.

    `answers` has the answer of each ready pod, by name; None did not answer. `ignored` has the
    globs without effect.
    """
    refusing = sorted(pod for pod, usable in answers.items() if usable is False)
    if refusing:
        message = (
            f"Index server {refusing[0]} does not use the current access file and keeps the previous one: is its"
            f" image as new as the operator's? See kubectl logs {refusing[0]}."
        )
        return Condition(ACCESS_IN_FORCE, "False", "AccessFileRefused", message)
    if ignored:
        return Condition(ACCESS_IN_FORCE, "False", "GlobsIgnored", f"spec.access has {ignored_globs(ignored)}")
    if not answers or None in answers.values():
        message = "An index server has not reported its access file: it is starting, or a policy blocks port 9090."
        return Condition(ACCESS_IN_FORCE, "Unknown", "NotKnown", message)
    return Condition(ACCESS_IN_FORCE, "True", "InForce", "Every index server uses the current users and grants.")


def ignored_globs(globs: Sequence[str]) -> str:
    """Return a phrase that names the globs without effect, and what to do."""
    more = f" and {len(globs) - 1} more" if len(globs) > 1 else ""
    return (
        f"the glob {globs[0][:MAX_LENGTH]}{more}, which has no effect: write globs with at most {MAX_STARS} '*' and"
        f" {MAX_LENGTH} characters."
    )
