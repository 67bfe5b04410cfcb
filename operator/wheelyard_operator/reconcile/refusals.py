"""What keeps an object from being as it should, as a condition that says what to do."""

import re

from wheelyard_operator.apply import LeavingError, NotOursError
from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.problems import READY, Problem
from wheelyard_operator.resource import INDEX, USER, IndexUser, Meta, PackageIndex

REFUSED = "ApplyRefused"
LEAVING = "NamespaceTerminating"
FIELD_RENAMED = "FieldRenamed"
_STATUSES = {400, 403, 413, 422}
"""By a quota, a policy, a webhook, a limit of size or what cannot be changed: somebody has to act."""
_BY_WEBHOOK = re.compile(r"denied the request|failed calling webhook")
"""Webhooks choose the status of their refusals; one that does not answer is a 500."""
_LONGEST_MESSAGE = 1000
_TAKEN = {
    INDEX: ("NameConflict", "rename or delete it, or name the index otherwise"),
    USER: ("SecretNotOwned", "set spec.credentials.secretName to another name, or delete that Secret"),
}
_ADVICE = (
    ("immutable", "Delete it, and it is made anew."),
    ("exceeded quota", "Have the quota raised, or remove what is not needed."),
    ("", "Have what refuses it changed: a quota, a limit, a policy or a webhook."),
)


def as_problem(
    error: Problem | NotOursError | LeavingError | ApiError, owner: Meta, what: str = "", condition: str = READY
) -> Problem:
    """Return the problem that an error with an object is; `what` names the object, "" is the resource itself.

    What passes by itself, and what is no refusal, is raised again.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, LeavingError):
        message = f"{what or owner.key} of a deleted {owner.kind} of this name is still being deleted: waiting."
        return Problem(condition, "WaitingForDeletion", message, stalled=False)
    if isinstance(error, NotOursError):
        reason, advice = _TAKEN[owner.kind]
        return Problem(condition, reason, f"{error}: {advice}. It is left as it is.")
    if LEAVING in error.causes:
        return namespace_ends(owner)
    if error.status not in _STATUSES and not _BY_WEBHOOK.search(error.message):
        raise error
    said = shortened(error.message)
    advice = next(text for word, text in _ADVICE if word in error.message)
    return Problem(condition, REFUSED, f"The API server refuses {what or owner.key}: {said} {advice}")


def namespace_ends(owner: Meta) -> Problem:
    """Say that nothing comes into being in this namespace any more."""
    message = f"Namespace {owner.namespace} is being deleted: nothing is made in it any more."
    return Problem(READY, LEAVING, message, stalled=False)


def check_field_names(owner: PackageIndex | IndexUser) -> None:
    """Raise Problem if a resource still has a field under its old name.

    The schema refuses a new value, but not one that was stored before and stays the same
    (ratcheting). The old field is not read, so going on with the new field's default could give
    more than was asked for.
    """
    if owner.renamed:
        message = " ".join(f"{each.message}." for each in owner.renamed)
        raise Problem(
            READY, FIELD_RENAMED, f"{message} Until then nothing else changes; users and rights are kept current."
        )


def is_leaving(kube: Kube, namespace: str) -> bool:
    """Return whether the namespace is being deleted. What is missing in it then needs nobody."""
    found = kube.get("Namespace", "", namespace)
    return found is None or "deletionTimestamp" in found["metadata"]


def shortened(text: str) -> str:
    """Return a sentence of the API server's, or of who refuses through it, on one line and of a bounded length."""
    line = " ".join(text.split())
    line = line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE - 3]}..."
    return line if line.endswith((".", "!", "?")) else f"{line}."
