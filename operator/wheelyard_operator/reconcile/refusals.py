"""What keeps an object from being as it should, as a condition that says what to do."""

from __future__ import annotations

from wheelyard_operator.apply import LeavingError, NotOursError
from wheelyard_operator.kube import ApiError
from wheelyard_operator.problems import AVAILABLE, Problem

_REFUSED = {400, 403, 422}
"""By a quota, a policy, a webhook or a limit of size: somebody has to act."""


def as_problem(error: Problem | NotOursError | LeavingError | ApiError, condition: str = AVAILABLE) -> Problem:
    """Give the problem that an error is. What passes by itself is raised again."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, LeavingError):
        message = "The objects of a deleted index of this name are still being removed: waiting."
        return Problem(condition, "WaitingForDeletion", message, stalled=False)
    if isinstance(error, NotOursError):
        message = f"{error}: rename or delete it, or name the index otherwise. It is left as it is."
        return Problem(condition, "NameConflict", message)
    if error.status not in _REFUSED:
        raise error
    return Problem(condition, "ApplyRefused", f"The API server refused an object of this index: {error}")
