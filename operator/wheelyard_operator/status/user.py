"""The status of an IndexUser."""

from collections.abc import Sequence
from dataclasses import dataclass

from wheelyard_operator.condition_types import (
    GRANTS_ACCEPTED,
    PUBLISHERS_PINNED,
    READY,
    RECONCILING,
    STALLED,
    TRUST_ACCEPTED,
)
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Grant, IndexUser, Manifest, TokenIdentity
from wheelyard_operator.status.access import ignored_globs
from wheelyard_operator.status.conditions import NO_ACTION, Condition, as_api, truncate

_MAX_RIGHTS, _MAX_RIGHT_LENGTH = 100, 1024
"""The bounds of the schema."""


@dataclass(frozen=True)
class UserFindings:
    """The results of a reconciliation."""

    url: str = ""
    """The URL of the index, "" if the user has none."""
    grants: tuple[Grant, ...] = ()
    """Everything that the user may do."""
    refused: tuple[str, ...] = ()
    """Grants and groups beyond the maximum of the index."""
    taken: tuple[str, ...] | None = None
    """CI jobs and ServiceAccounts that log in as another user; None if not known."""
    unpinned: Sequence[TokenIdentity] = ()
    """Trusted publishers without a pinned owner, accepted since before that was required."""
    has_secret: bool = False
    token_issued: str = ""
    """RFC 3339, as all times here; "" without a token."""
    next_rotation: str = ""
    previous_token_until: str = ""
    problem: Problem | None = None


def user_status(user: IndexUser, findings: UserFindings, now: str) -> Manifest:
    """Return the whole status, in which None removes a field."""
    generation, problem = user.meta.generation, findings.problem
    return {
        "observedGeneration": generation,
        "username": user.username,
        "secretName": user.secret_name if findings.has_secret else "",
        "url": findings.url,
        "rights": [truncate(str(grant), _MAX_RIGHT_LENGTH) for grant in findings.grants[:_MAX_RIGHTS]],
        "tokenIssued": findings.token_issued or None,
        "nextRotation": findings.next_rotation or None,
        "previousTokenUntil": findings.previous_token_until or None,
        "conditions": as_api(
            [
                _ready(user, problem),
                _accepted(user, findings),
                *_trust(user, findings),
                *_pinned(findings),
                *_progress(problem),
            ],
            user.status,
            generation,
            now,
        ),
    }


def unpinned_message(publishers: Sequence[TokenIdentity]) -> str:
    """Return the problem with trusted publishers that are identified by names alone, and the remedy."""
    ways = " and ".join(dict.fromkeys(each.how_to_pin for each in publishers))
    return (
        "spec.trustedPublishers identifies a CI job by names alone: once such a name is given up, anyone who"
        f" registers it could publish. To pin its owner, {ways}."
    )


def _pinned(findings: UserFindings) -> list[Condition]:
    if not findings.unpinned:
        return []
    message = f"Publishing continues as before. {unpinned_message(findings.unpinned)}"
    return [Condition(PUBLISHERS_PINNED, "False", "OwnerNotPinned", message)]


def _ready(user: IndexUser, problem: Problem | None) -> Condition:
    if problem is None:
        message = f"Secret {user.secret_name} contains the login of {user.username}, which the index accepts."
        return Condition(READY, "True", "LoginInForce", message)
    return Condition(READY, "False", problem.reason, problem.message)


def _accepted(user: IndexUser, findings: UserFindings) -> Condition:
    if not findings.url:
        return Condition(GRANTS_ACCEPTED, "Unknown", "NotChecked", "Not checked: Ready is False.")
    if ignored := [glob for grant in user.grants for glob in grant.ignored]:
        return Condition(GRANTS_ACCEPTED, "False", "GlobsIgnored", f"spec.grants has {ignored_globs(ignored)}")
    if findings.refused:
        message = (
            f"{user.index} limits users of other namespaces. Outside its spec.access.users.maximum,"
            f" these have no effect: {'; '.join(findings.refused)}."
        )
        return Condition(GRANTS_ACCEPTED, "False", "BeyondMaximum", message)
    return Condition(GRANTS_ACCEPTED, "True", "Accepted", "All groups and grants are in force.")


def _trust(user: IndexUser, findings: UserFindings) -> list[Condition]:
    if not (user.publishers or user.service_accounts):
        return []
    if findings.taken is None:
        return [Condition(TRUST_ACCEPTED, "Unknown", "NotChecked", "Not checked: Ready is False.")]
    if findings.taken:
        message = (
            f"These log in as another user of this index: {'; '.join(findings.taken)}. That user had them first, is"
            " older, or has rights that this one lacks. Remove them from spec.trustedPublishers or"
            " spec.serviceAccounts of one user; a ServiceAccount can also send this user's name with its token."
        )
        return [Condition(TRUST_ACCEPTED, "False", "TrustedBefore", message)]
    message = "All listed jobs and ServiceAccounts log in as this user."
    return [Condition(TRUST_ACCEPTED, "True", "Accepted", message)]


def _progress(problem: Problem | None) -> list[Condition]:
    if problem is None:
        return [
            Condition(RECONCILING, "False", "Settled", "Nothing is left to do."),
            Condition(STALLED, "False", "Progressing", NO_ACTION),
        ]
    return [
        Condition(RECONCILING, str(not problem.stalled), problem.reason, problem.message),
        Condition(STALLED, str(problem.stalled), problem.reason, problem.message),
    ]
