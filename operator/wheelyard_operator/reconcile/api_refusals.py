"""Translates refusals of the API server into problems that say what to do."""

import re

from wheelyard_operator.apply import LeavingError, NotOursError
from wheelyard_operator.condition_types import READY
from wheelyard_operator.kube import ApiError
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import INDEX, USER, Meta

REFUSED = "ApplyRefused"
TERMINATING = "NamespaceTerminating"
_STATUSES = {400, 403, 413, 422}
"""Refusals by a quota, a policy, a webhook, a size limit or an immutable field: they need an
action."""
_BY_WEBHOOK = re.compile(r"denied the request|failed calling webhook")
"""Webhooks choose the status of their refusals; a webhook that does not answer is a 500."""
_MAX_MESSAGE_LENGTH = 1000
_TAKEN = {
    INDEX: ("NameConflict", "rename or delete it, or give the index another name"),
    USER: ("SecretNotOwned", "set spec.credentials.secretName to another name, or delete that Secret"),
}
_ADVICE = (
    ("immutable", "Delete it, and the operator creates it again."),
    ("exceeded quota", "Have the quota raised, or remove objects that are not needed."),
    ("", "Change the quota, limit, policy or webhook that refuses it."),
)


def as_problem(
    error: Problem | NotOursError | LeavingError | ApiError, owner: Meta, what: str = "", condition: str = READY
) -> Problem:
    """Return the problem for an error with an object; `what` names it, "" for the resource itself.

    Errors that pass without an action, and those that are no refusals, are raised again.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, LeavingError):
        message = f"{what or owner.key} of a deleted {owner.kind} of this name is still being deleted: waiting."
        return Problem(condition, "WaitingForDeletion", message, stalled=False)
    if isinstance(error, NotOursError):
        reason, advice = _TAKEN[owner.kind]
        return Problem(condition, reason, f"{error}: {advice}. It is left as it is.")
    if TERMINATING in error.causes:
        return namespace_terminates(owner)
    if error.status not in _STATUSES and not _BY_WEBHOOK.search(error.message):
        raise error
    said = shortened(error.message)
    advice = next(text for word, text in _ADVICE if word in error.message)
    return Problem(condition, REFUSED, f"The API server refuses {what or owner.key}: {said} {advice}")


def namespace_terminates(owner: Meta) -> Problem:
    """Return the problem that nothing can be created in this namespace any more."""
    message = f"Namespace {owner.namespace} is being deleted: nothing is created in it any more."
    return Problem(READY, TERMINATING, message, stalled=False)


def shortened(text: str) -> str:
    """Return a message of the API server, or of a webhook, as one sentence of bounded length."""
    line = " ".join(text.split())
    line = line if len(line) <= _MAX_MESSAGE_LENGTH else f"{line[: _MAX_MESSAGE_LENGTH - 3]}..."
    return line if line.endswith((".", "!", "?")) else f"{line}."
