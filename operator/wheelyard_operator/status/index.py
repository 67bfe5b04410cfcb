"""The status of a PackageIndex."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wheelyard_operator.condition_types import ACCESS_IN_FORCE, ALLOWED, AVAILABLE, READY, RECONCILING, STALLED
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.status.access import access_in_force
from wheelyard_operator.status.conditions import Condition, as_api
from wheelyard_operator.status.rollout import (
    availability,
    hindrance,
    is_rolled_out,
    is_scaled_to_zero,
    is_updated,
)
from wheelyard_operator.status.storage import ReadyStorage, storage_conditions

_GOES_ON = "This index goes on with what it had before, and would not get it if it were new."


@dataclass(frozen=True)
class IndexFindings:
    """What a reconciliation found."""

    url: str
    """As most clients know it."""
    cluster_url: str
    selector: str
    """Of the pods, in the form of `kubectl get -l`: the scale subresource wants it."""
    users: int
    """Users whose login is in force."""
    deployment: Manifest | None
    pods: tuple[Manifest, ...]
    problem: Problem | None
    storage: ReadyStorage | None = None
    """None where it has not been found to be ready."""
    claim: Manifest | None = None
    """Of an index on a volume: the claim."""
    exposed: Condition | None = None
    monitored: Condition | None = None
    """None where they are not asked for."""
    kept: tuple[Problem, ...] = ()
    """Why what it has would not be allowed if it were new."""
    access_answers: Mapping[str, bool | None] = field(default_factory=dict)
    """Of the ready pods, by name: whether they understand their access file; None did not answer."""


def index_status(index: PackageIndex, findings: IndexFindings, now: str) -> Manifest:
    """Return the whole status; a None is to go from it. `now` is RFC 3339."""
    storage = findings.storage
    deployed = findings.deployment.get("status", {}) if findings.deployment else {}
    generation = index.meta.generation
    return {
        "observedGeneration": generation,
        "url": findings.url,
        "clusterURL": findings.cluster_url,
        "users": findings.users,
        "replicas": deployed.get("replicas", 0),
        "readyReplicas": deployed.get("readyReplicas", 0),
        "selector": findings.selector,
        # While the storage cannot be asked, what was known of it stays.
        "accessKeyIssued": storage.key_issued or None if storage else index.status.get("accessKeyIssued"),
        "nextKeyRotation": storage.next_rotation or None if storage else index.status.get("nextKeyRotation"),
        "conditions": as_api(_conditions(index, findings), index.status, generation, now),
    }


def _conditions(index: PackageIndex, findings: IndexFindings) -> list[Condition]:
    available = availability(findings.deployment, findings.pods)
    serves = available.status == "True"
    parts = [
        *storage_conditions(index, findings.storage, findings.claim, findings.problem, serves=serves),
        available,
        *([findings.exposed] if findings.exposed else []),
    ]
    around = [each for each in (findings.monitored, _allowed(findings.kept)) if each]
    access = _access(index, findings)
    return [_ready(findings, parts, access), *parts, access, *around, _reconciling(findings), _stalled(findings)]


def _allowed(kept: tuple[Problem, ...]) -> Condition | None:
    """Return what only goes on because it was there before, None where all is allowed."""
    if not kept:
        return None
    messages = " ".join(dict.fromkeys(each.message for each in kept))
    return Condition(ALLOWED, "False", kept[0].reason, f"{_GOES_ON} {messages}")


def _access(index: PackageIndex, findings: IndexFindings) -> Condition:
    problem = findings.problem
    if problem and problem.condition == ACCESS_IN_FORCE:
        return Condition(ACCESS_IN_FORCE, "False", problem.reason, problem.message)
    return access_in_force(findings.access_answers, index.ignored_globs)


def _ready(findings: IndexFindings, parts: list[Condition], access: Condition) -> Condition:
    problem, deployment = findings.problem, findings.deployment
    if problem:
        return Condition(READY, "False", problem.reason, problem.message)
    if deployment is not None and is_scaled_to_zero(deployment):
        return _ready_without_servers(parts)
    for part in sorted(parts, key=lambda each: each.status):  # False comes before Unknown
        if part.status != "True":
            return Condition(READY, "False", part.reason, part.message)
    if access.status == "False":
        return Condition(READY, "False", access.reason, access.message)
    if deployment is None or not is_updated(deployment):
        kept, message = hindrance(deployment), availability(deployment, findings.pods).message
        reason = kept[0] if kept else "RollingOut"
        return Condition(READY, "False", reason, f"The index servers are being replaced. {message}")
    return Condition(READY, "True", "Serving", f"Serving at {findings.url}simple/")


def _ready_without_servers(parts: list[Condition]) -> Condition:
    """Say whether all is as asked for, where that is no servers: what only they could tell is not waited for."""
    for part in parts:
        if part.status == "False" and part.type != AVAILABLE:
            return Condition(READY, "False", part.reason, part.message)
    return Condition(READY, "True", "ScaledToZero", "spec.replicas is 0: nothing serves, as is asked for.")


def _reconciling(findings: IndexFindings) -> Condition:
    problem = findings.problem
    if _stalled(findings).status == "True":
        return Condition(RECONCILING, "False", "Stalled", "Somebody has to act: see Stalled.")
    if problem:
        return Condition(RECONCILING, "True", "Retrying", problem.message)
    if findings.exposed and findings.exposed.status == "Unknown":
        return Condition(RECONCILING, "True", findings.exposed.reason, findings.exposed.message)
    if not is_rolled_out(findings.deployment):
        return Condition(RECONCILING, "True", "RollingOut", "Waiting for the index servers.")
    return Condition(RECONCILING, "False", "Settled", "Nothing is left to do.")


def _stalled(findings: IndexFindings) -> Condition:
    problem = findings.problem
    if problem and problem.stalled:
        return Condition(STALLED, "True", problem.reason, problem.message)
    if problem is None and (found := hindrance(findings.deployment)):
        why, message = found[0], availability(findings.deployment, findings.pods).message
        return Condition(STALLED, "True", why, f"The index servers do not come up. {message}")
    if findings.exposed and findings.exposed.status == "False":
        return Condition(STALLED, "True", findings.exposed.reason, findings.exposed.message)
    return Condition(STALLED, "False", "Progressing", "Nobody has to act.")
