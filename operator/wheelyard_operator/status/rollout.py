"""How far a Deployment has come, and why its pods do not start."""

from collections.abc import Iterable, Sequence

from wheelyard_operator.condition_types import AVAILABLE
from wheelyard_operator.resource import CREDENTIALS_ANNOTATION, Manifest
from wheelyard_operator.status.conditions import Condition

_MAX_MESSAGE_LENGTH = 1000
_NO_IMAGE = {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"}


def is_rolled_out(deployment: Manifest | None) -> bool:
    """Return whether every wanted pod is of the latest template and available, and no older one is left."""
    if deployment is None or not is_updated(deployment):
        return False
    available: int = deployment.get("status", {}).get("availableReplicas", 0)
    return available >= _wanted(deployment)


def is_updated(deployment: Manifest) -> bool:
    """Return whether only pods of the latest template are left, though some may have fallen ill since."""
    status: dict[str, int] = deployment.get("status", {})
    updated = status.get("updatedReplicas", 0)
    return (
        status.get("observedGeneration", 0) >= int(deployment["metadata"].get("generation", 0))
        and updated >= _wanted(deployment)
        and status.get("replicas", 0) <= updated
    )


def is_scaled_to_zero(deployment: Manifest) -> bool:
    """Return whether no servers are wanted, and none are left."""
    gone = deployment.get("status", {}).get("replicas", 0) == 0
    return _wanted(deployment) == 0 and gone and is_updated(deployment)


def hindrance(deployment: Manifest | None) -> tuple[str, str] | None:
    """Return (reason, message) of what keeps new pods from coming up until somebody acts, by the Deployment itself.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment
    """
    if deployment is None:
        return None
    conditions = {each["type"]: each for each in deployment.get("status", {}).get("conditions", ())}
    refusal, progress = conditions.get("ReplicaFailure", {}), conditions.get("Progressing", {})
    if refusal.get("status") == "True":
        return "PodsRefused", f"Pods may not be made or removed: {_said(refusal)}"
    if deployment["spec"].get("paused") and not is_updated(deployment):
        name = deployment["metadata"].get("name", "")
        return "RolloutPaused", f"Somebody paused the roll-out: kubectl rollout resume deployment {name}."
    # A new template gets a new deadline.
    if (progress.get("status"), progress.get("reason")) == ("False", "ProgressDeadlineExceeded"):
        return "ProgressDeadlineExceeded", f"Kubernetes has given up waiting: {_said(progress)}"
    return None


def availability(deployment: Manifest | None, pods: Sequence[Manifest]) -> Condition:
    """Say whether the index can be reached, and if not, why."""
    if deployment is None:
        return Condition(AVAILABLE, "False", "NotDeployed", "The index servers are not deployed yet.")
    wanted = _wanted(deployment)
    available = deployment.get("status", {}).get("availableReplicas", 0)
    if wanted == 0 and not available:
        return Condition(AVAILABLE, "False", "ScaledToZero", "spec.replicas is 0: nothing serves.")
    kept, troubles = hindrance(deployment), trouble(pods)
    # Why pods do not start says more than that they did not in time.
    last = kept is not None and kept[0] == "ProgressDeadlineExceeded"
    troubles = [*troubles, *([kept] if kept else [])] if last else [*([kept] if kept else []), *troubles]
    count = f"{available} of {wanted} index servers are available."
    if available:
        return Condition(AVAILABLE, "True", "Serving", " ".join([count, *(text for _, text in troubles[:1])]))
    reason, text = troubles[0] if troubles else ("Starting", "They are starting.")
    return Condition(AVAILABLE, "False", reason, f"{count} {text}")


def is_ready(pod: Manifest) -> bool:
    """Return whether a pod takes requests."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def has_ended(pod: Manifest) -> bool:
    """Return whether a pod runs no more and never will."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def serves_with(credentials_digest: str, deployment: Manifest | None, pods: Iterable[Manifest]) -> bool:
    """Return whether every pod runs with the credentials of this digest, also those that are just ending."""
    if deployment is None or not is_rolled_out(deployment):
        return False
    running = (pod for pod in pods if not has_ended(pod))
    return all(_credentials_of(each) == credentials_digest for each in (deployment["spec"]["template"], *running))


def _credentials_of(pod: Manifest) -> str:
    return str(pod["metadata"].get("annotations", {}).get(CREDENTIALS_ANNOTATION, ""))


def _said(condition: Manifest) -> str:
    """Return what a condition of others says, as a bounded sentence."""
    text = " ".join(str(condition.get("message") or condition.get("reason") or "no reason given").split())
    return f"{text[:_MAX_MESSAGE_LENGTH].rstrip('.')}."


def _wanted(deployment: Manifest) -> int:
    return int(deployment["spec"].get("replicas", 1))


def trouble(pods: Sequence[Manifest]) -> list[tuple[str, str]]:
    """Return (reason, message) of pods in trouble, in words that stay the same while the trouble does."""
    found = (_of_pod(pod) for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])))
    return [each for each in found if each]


def _of_pod(pod: Manifest) -> tuple[str, str] | None:
    status, name = pod.get("status", {}), pod["metadata"]["name"]
    for each in status.get("conditions", ()):
        if each["type"] == "PodScheduled" and each["status"] == "False":
            return "Unschedulable", f"No node takes pod {name}: {_said(each)}"
    for container in status.get("containerStatuses", ()):
        if found := _of_container(container, name):
            return found
    return None


def _of_container(container: Manifest, pod: str) -> tuple[str, str] | None:
    if container.get("ready"):
        return None
    waiting = container.get("state", {}).get("waiting", {})
    if waiting.get("reason") in _NO_IMAGE:
        return "ImagePullFailed", f"Pod {pod} cannot pull image {container['image']}: set the chart's image."
    if waiting.get("reason") == "CreateContainerConfigError":
        return "PodConfigError", f"Pod {pod} cannot start: {_said(waiting)}"
    ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated")
    if ended:
        code, why = ended.get("exitCode"), ended.get("reason", "Error")
        return (
            "PodCrashing",
            f"Pod {pod} keeps ending ({why}, exit code {code}): see kubectl logs {pod} --previous.",
        )
    return None
