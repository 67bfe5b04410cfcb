"""The status of a PackageIndex."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wheelyard_operator.problems import AVAILABLE, CREDENTIALS_READY, STORAGE_READY, Problem
from wheelyard_operator.status.access import access_in_force
from wheelyard_operator.status.conditions import READY, RECONCILING, STALLED, Condition, written
from wheelyard_operator.status.rollout import availability, is_rolled_out, is_updated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wheelyard_operator.resource import Manifest, PackageIndex


@dataclass(frozen=True)
class IndexFindings:
    """What a reconciliation found."""

    url: str
    selector: str
    """Of the pods, in the form of `kubectl get -l`: the scale subresource wants it."""
    users: int
    """Users whose login is in force."""
    deployment: Manifest | None
    pods: tuple[Manifest, ...]
    problem: Problem | None
    storage_note: str = ""
    access_answers: Mapping[str, bool | None] = field(default_factory=dict)
    """Of the ready pods, by name: whether they understand their access file; None did not answer."""


def index_status(index: PackageIndex, findings: IndexFindings, now: str) -> Manifest:
    """Give the whole status; `now` is RFC 3339."""
    deployed = findings.deployment.get("status", {}) if findings.deployment else {}
    generation = index.meta.generation
    return {
        "observedGeneration": generation,
        "url": findings.url,
        "users": findings.users,
        "replicas": deployed.get("replicas", 0),
        "readyReplicas": deployed.get("readyReplicas", 0),
        "selector": findings.selector,
        "conditions": written(_conditions(index, findings), index.status, generation, now),
    }


def _conditions(index: PackageIndex, findings: IndexFindings) -> list[Condition]:
    parts = [_storage(index, findings), _credentials(index, findings), _available(findings)]
    access = access_in_force(findings.access_answers)
    return [_ready(findings, parts, access), *parts, access, _reconciling(findings), _stalled(findings.problem)]


def _storage(index: PackageIndex, findings: IndexFindings) -> Condition:
    storage = index.storage
    message = f"Bucket {storage.bucket} can be used. {findings.storage_note}".strip()
    return _part(STORAGE_READY, findings.problem, Condition(STORAGE_READY, "True", "BucketReady", message))


def _credentials(index: PackageIndex, findings: IndexFindings) -> Condition:
    made = index.storage.provision_user
    message = f"Secret {index.storage_secret_name} has the access key" + (
        ", for this bucket and prefix alone." if made else "."
    )
    reason = "KeyIssued" if made else "SecretFound"
    return _part(CREDENTIALS_READY, findings.problem, Condition(CREDENTIALS_READY, "True", reason, message))


def _part(kind: str, problem: Problem | None, fine: Condition) -> Condition:
    if problem is None or problem.condition == AVAILABLE:
        return fine
    if problem.condition == kind:
        return Condition(kind, "False", problem.reason, problem.message)
    return Condition(kind, "Unknown", "NotChecked", f"Not checked: {problem.condition} is False.")


def _available(findings: IndexFindings) -> Condition:
    problem = findings.problem
    if problem and problem.condition == AVAILABLE:
        return Condition(AVAILABLE, "False", problem.reason, problem.message)
    return availability(findings.deployment, findings.pods)


def _ready(findings: IndexFindings, parts: list[Condition], access: Condition) -> Condition:
    for part in sorted(parts, key=lambda each: each.status):  # False comes before Unknown
        if part.status != "True":
            return Condition(READY, "False", part.reason, part.message)
    if access.status == "False":
        return Condition(READY, "False", access.reason, access.message)
    if findings.deployment is None or not is_updated(findings.deployment):
        return Condition(READY, "False", "RollingOut", "The index servers are being replaced; some serve.")
    return Condition(READY, "True", "Serving", f"Serving at {findings.url}simple/")


def _reconciling(findings: IndexFindings) -> Condition:
    problem = findings.problem
    if problem and problem.stalled:
        return Condition(RECONCILING, "False", "Stalled", "Somebody has to act: see Stalled.")
    if problem:
        return Condition(RECONCILING, "True", "Retrying", problem.message)
    if not is_rolled_out(findings.deployment):
        return Condition(RECONCILING, "True", "RollingOut", "Waiting for the index servers.")
    return Condition(RECONCILING, "False", "Settled", "Nothing is left to do.")


def _stalled(problem: Problem | None) -> Condition:
    if problem and problem.stalled:
        return Condition(STALLED, "True", problem.reason, problem.message)
    return Condition(STALLED, "False", "Progressing", "Nobody has to act.")
