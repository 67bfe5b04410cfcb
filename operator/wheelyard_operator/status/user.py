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
from wheelyard_operator.status.conditions import Condition, as_api, shortened

_MAX_RIGHTS, _MAX_RIGHT_LENGTH = 100, 1024
"""As the schema has it."""


@dataclass(frozen=True)
class UserFindings:
    """What a reconciliation found."""

    url: str = ""
    """"" where there is no index for this user."""
    grants: tuple[Grant, ...] = ()
    """All that the user may do."""
    refused: tuple[str, ...] = ()
    """What the user asks for beyond what the index lets it have."""
    taken: tuple[str, ...] | None = None
    """CI jobs and ServiceAccounts that log in as another user; None where that is not known."""
    unpinned: Sequence[TokenIdentity] = ()
    """Trusted publishers that are not pinned, and in force since before that was required."""
    has_secret: bool = False
    token_issued: str = ""
    """RFC 3339 as all times here, "" where there is none."""
    next_rotation: str = ""
    previous_token_until: str = ""
    problem: Problem | None = None


def user_status(user: IndexUser, findings: UserFindings, now: str) -> Manifest:
    """Return the whole status; a None is to go from it."""
    generation, problem = user.meta.generation, findings.problem
    return {
        "observedGeneration": generation,
        "username": user.username,
        "secretName": user.secret_name if findings.has_secret else "",
        "url": findings.url,
        "rights": [shortened(str(grant), _MAX_RIGHT_LENGTH) for grant in findings.grants[:_MAX_RIGHTS]],
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


def not_pinned(publishers: Sequence[TokenIdentity]) -> str:
    """Say what is wrong with trusted publishers that go by names alone, and what to do."""
    ways = " and ".join(dict.fromkeys(each.how_to_pin for each in publishers))
    return (
        "spec.trustedPublishers has a CI job by names alone: anyone who registers such a name after it was given up"
        f" could publish. To pin its owner, {ways}."
    )


def _pinned(findings: UserFindings) -> list[Condition]:
    if not findings.unpinned:
        return []
    message = f"Its releases go on as before. {not_pinned(findings.unpinned)}"
    return [Condition(PUBLISHERS_PINNED, "False", "OwnerNotPinned", message)]


def _ready(user: IndexUser, problem: Problem | None) -> Condition:
    if problem is None:
        message = f"Secret {user.secret_name} has the login of {user.username}, and it is in force."
        return Condition(READY, "True", "LoginInForce", message)
    return Condition(READY, "False", problem.reason, problem.message)


def _accepted(user: IndexUser, findings: UserFindings) -> Condition:
    if not findings.url:
        return Condition(GRANTS_ACCEPTED, "Unknown", "NotChecked", "Not checked: Ready is False.")
    if ignored := [glob for grant in user.grants for glob in grant.ignored]:
        return Condition(GRANTS_ACCEPTED, "False", "GlobsIgnored", f"spec.grants has {ignored_globs(ignored)}")
    if findings.refused:
        message = (
            f"PackageIndex {user.index.namespace}/{user.index.name} lets users of other namespaces have less; this"
            f" counts only within its spec.access.users.maximum: {'; '.join(findings.refused)}."
        )
        return Condition(GRANTS_ACCEPTED, "False", "BeyondMaximum", message)
    return Condition(GRANTS_ACCEPTED, "True", "Accepted", "All groups and grants count.")


def _trust(user: IndexUser, findings: UserFindings) -> list[Condition]:
    if not (user.publishers or user.service_accounts):
        return []
    if findings.taken is None:
        return [Condition(TRUST_ACCEPTED, "Unknown", "NotChecked", "Not checked: Ready is False.")]
    if findings.taken:
        message = (
            "These log in as another user of this index, which had them before, is older, or has rights where this"
            " one has none:"
            f" {'; '.join(findings.taken)}. Remove them from spec.trustedPublishers or spec.serviceAccounts, here"
            " or there; a ServiceAccount can also give this user's name with its token."
        )
        return [Condition(TRUST_ACCEPTED, "False", "TrustedBefore", message)]
    message = "All jobs and ServiceAccounts that it names log in as this user."
    return [Condition(TRUST_ACCEPTED, "True", "Accepted", message)]


def _progress(problem: Problem | None) -> list[Condition]:
    if problem is None:
        return [
            Condition(RECONCILING, "False", "Settled", "Nothing is left to do."),
            Condition(STALLED, "False", "Progressing", "Nobody has to act."),
        ]
    return [
        Condition(RECONCILING, str(not problem.stalled), problem.reason, problem.message),
        Condition(STALLED, str(problem.stalled), problem.reason, problem.message),
    ]
