"""The status of an IndexUser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelyard_operator.status.conditions import READY, RECONCILING, STALLED, Condition, written

if TYPE_CHECKING:
    from wheelyard_operator.problems import Problem
    from wheelyard_operator.resource import IndexUser, Manifest


def user_status(user: IndexUser, index_url: str, problem: Problem | None, now: str) -> Manifest:
    """Give the whole status; `index_url` is "" where there is no index for this user."""
    generation = user.meta.generation
    has_secret = problem is None or not problem.stalled
    return {
        "observedGeneration": generation,
        "username": user.username,
        "secretName": user.secret_name if has_secret else "",
        "url": index_url,
        "conditions": written(_conditions(user, problem), user.status, generation, now),
    }


def _conditions(user: IndexUser, problem: Problem | None) -> list[Condition]:
    if problem is None:
        message = f"Secret {user.secret_name} has the login of {user.username}, and it is in force."
        return [
            Condition(READY, "True", "LoginInForce", message),
            Condition(RECONCILING, "False", "Settled", "Nothing is left to do."),
            Condition(STALLED, "False", "Progressing", "Nobody has to act."),
        ]
    return [
        Condition(READY, "False", problem.reason, problem.message),
        Condition(RECONCILING, str(not problem.stalled), problem.reason, problem.message),
        Condition(STALLED, str(problem.stalled), problem.reason, problem.message),
    ]
