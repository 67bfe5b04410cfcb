"""The status of a PackageIndex."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wheelyard_operator.condition_types import ACCESS_IN_FORCE, ALLOWED, AVAILABLE, READY, RECONCILING, STALLED
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.status.access import access_condition
from wheelyard_operator.status.conditions import NO_ACTION, Condition, as_api
from wheelyard_operator.status.policy import PolicyFindings, count_in_force, next_end, policy_conditions
from wheelyard_operator.status.rollout import (
    availability,
    is_rolled_out,
    is_scaled_to_zero,
    is_updated,
    rollout_blocker,
)
from wheelyard_operator.status.storage import ReadyStorage, storage_conditions

_GOES_ON = "This index keeps what it had before; a new index would not get it."


@dataclass(frozen=True)
class IndexFindings:
    """The results of a reconciliation."""

    url: str
    """The URL for most clients."""
    cluster_url: str
    selector: str
    """Selects the pods, in the form of `kubectl get -l`, for the scale subresource."""
    users: int
    """Number of users that the index accepts."""
    deployment: Manifest | None
    pods: tuple[Manifest, ...]
    problem: Problem | None
    storage: ReadyStorage | None = None
    """None if it is not known to be ready."""
    claim: Manifest | None = None
    """The volume claim, None for an index in S3."""
    exposed: Condition | None = None
    monitored: Condition | None = None
    """None, as `exposed`, if the index does not request it."""
    upstreams: Condition | None = None
    """None for an index without upstreams."""
    webhook: Condition | None = None
    """None for an index without a webhook."""
    single_sign_on: Condition | None = None
    """None for an index without a provider."""
    policy: PolicyFindings | None = None
    """None for an index without a policy, or if it was not reached."""
    tolerated: tuple[Problem, ...] = ()
    """Why a new index would not be allowed what this one has."""
    access_answers: Mapping[str, bool | None] = field(default_factory=dict)
    """Whether each ready pod, by name, uses its access file; None did not answer."""


def index_status(index: PackageIndex, findings: IndexFindings, now: str) -> Manifest:
    """Return the whole status, in which None removes a field. `now` is RFC 3339."""
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
        # While the storage cannot be reached, the last known times stay.
        "accessKeyIssued": storage.key_issued or None if storage else index.status.get("accessKeyIssued"),
        "nextKeyRotation": storage.next_rotation or None if storage else index.status.get("nextKeyRotation"),
        **_exceptions(findings.policy, now),
        "conditions": as_api(_conditions(index, findings, now), index.status, generation, now),
    }


def _exceptions(policy: PolicyFindings | None, now: str) -> Manifest:
    exceptions = policy.exceptions if policy else ()
    return {
        "exceptions": count_in_force(exceptions, now) if policy else None,
        "nextExceptionEnd": next_end(exceptions, now) or None,
    }


def _conditions(index: PackageIndex, findings: IndexFindings, now: str) -> list[Condition]:
    available = availability(findings.deployment, findings.pods)
    serves = available.status == "True"
    parts = [
        *storage_conditions(index, findings.storage, findings.claim, findings.problem, serves=serves),
        available,
        *([findings.exposed] if findings.exposed else []),
    ]
    around = [each for each in _around(findings) if each]
    files = [_access(index, findings), *(policy_conditions(findings.policy, now) if findings.policy else ())]
    ready = _ready(findings, parts, files[:2])
    return [ready, *parts, *files, *around, _reconciling(findings), _stalled(findings)]


def _around(findings: IndexFindings) -> tuple[Condition | None, ...]:
    """Return the conditions that Ready does not depend on."""
    optional = findings.monitored, findings.upstreams, findings.webhook, findings.single_sign_on
    return *optional, _allowed(findings.tolerated)


def _allowed(tolerated: tuple[Problem, ...]) -> Condition | None:
    """Return Allowed for what the index only keeps because it had it before, None if all is allowed."""
    if not tolerated:
        return None
    messages = " ".join(dict.fromkeys(each.message for each in tolerated))
    return Condition(ALLOWED, "False", tolerated[0].reason, f"{_GOES_ON} {messages}")


def _access(index: PackageIndex, findings: IndexFindings) -> Condition:
    problem = findings.problem
    if problem and problem.condition == ACCESS_IN_FORCE:
        return Condition(ACCESS_IN_FORCE, "False", problem.reason, problem.message)
    return access_condition(findings.access_answers, index.ignored_globs)


def _ready(findings: IndexFindings, parts: list[Condition], files: list[Condition]) -> Condition:
    """Return Ready. `files` says whether servers use their access file and their policy file."""
    problem, deployment = findings.problem, findings.deployment
    if problem:
        return Condition(READY, "False", problem.reason, problem.message)
    if deployment is not None and is_scaled_to_zero(deployment):
        return _ready_without_servers(parts)
    for part in sorted(parts, key=lambda each: each.status):  # False comes before Unknown
        if part.status != "True":
            return Condition(READY, "False", part.reason, part.message)
    for file in files:
        if file.status == "False":
            return Condition(READY, "False", file.reason, file.message)
    if deployment is None or not is_updated(deployment):
        blocker, message = rollout_blocker(deployment), availability(deployment, findings.pods).message
        reason = blocker[0] if blocker else "RollingOut"
        return Condition(READY, "False", reason, f"The index servers are being replaced. {message}")
    return Condition(READY, "True", "Serving", f"Serving at {findings.url}simple/")


def _ready_without_servers(parts: list[Condition]) -> Condition:
    """Return Ready for zero servers: checks that only servers can make are not waited for."""
    for part in parts:
        if part.status == "False" and part.type != AVAILABLE:
            return Condition(READY, "False", part.reason, part.message)
    return Condition(READY, "True", "ScaledToZero", "spec.replicas is 0: no index servers run, as requested.")


def _reconciling(findings: IndexFindings) -> Condition:
    problem = findings.problem
    if _stalled(findings).status == "True":
        return Condition(RECONCILING, "False", "Stalled", "An action is needed: see Stalled.")
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
    if problem is None and (found := rollout_blocker(findings.deployment)):
        why, message = found[0], availability(findings.deployment, findings.pods).message
        return Condition(STALLED, "True", why, f"The index servers do not start. {message}")
    if findings.exposed and findings.exposed.status == "False":
        return Condition(STALLED, "True", findings.exposed.reason, findings.exposed.message)
    return Condition(STALLED, "False", "Progressing", NO_ACTION)
