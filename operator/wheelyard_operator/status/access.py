"""Whether the rights that are declared are those in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelyard_operator.status.conditions import ACCESS_IN_FORCE, Condition

if TYPE_CHECKING:
    from collections.abc import Mapping


def access_in_force(answers: Mapping[str, bool | None]) -> Condition:
    """Say it by what the ready pods answered, by name; None did not answer."""
    refusing = sorted(pod for pod, usable in answers.items() if usable is False)
    if refusing:
        message = (
            f"Index server {refusing[0]} does not use the present access file and goes on with the one before: is"
            f" its image as new as the operator's? See kubectl logs {refusing[0]}."
        )
        return Condition(ACCESS_IN_FORCE, "False", "AccessFileRefused", message)
    if not answers or None in answers.values():
        message = "Not every index server has said so: it is starting, or a network policy bars port 9090."
        return Condition(ACCESS_IN_FORCE, "Unknown", "NotKnown", message)
    return Condition(ACCESS_IN_FORCE, "True", "InForce", "Every index server has the users and grants of now.")
