"""The progress of a Deployment's rollout, and the reasons why its pods do not start."""

from collections.abc import Iterable, Sequence

from wheelyard_operator.condition_types import AVAILABLE
from wheelyard_operator.resource import CREDENTIALS_ANNOTATION, Manifest
from wheelyard_operator.status.conditions import Condition

_MAX_MESSAGE_LENGTH = 1000
_NO_IMAGE = {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"}


def is_rolled_out(deployment: Manifest | None) -> bool:
    """Return whether every wanted pod has the latest template and is available, and no older one is left."""
    if deployment is None or not is_updated(deployment):
        return False
    available: int = deployment.get("status", {}).get("availableReplicas", 0)
    return available >= _wanted(deployment)


def is_updated(deployment: Manifest) -> bool:
    """Return whether only pods with the latest template are left, even if some are unavailable."""
    status: dict[str, int] = deployment.get("status", {})
    updated = status.get("updatedReplicas", 0)
    return (
        status.get("observedGeneration", 0) >= int(deployment["metadata"].get("generation", 0))
        and updated >= _wanted(deployment)
        and status.get("replicas", 0) <= updated
    )


def is_scaled_to_zero(deployment: Manifest) -> bool:
    """Return whether no servers are wanted and none are left."""
    are_gone = deployment.get("status", {}).get("replicas", 0) == 0
    return _wanted(deployment) == 0 and are_gone and is_updated(deployment)


def rollout_blocker(deployment: Manifest | None) -> tuple[str, str] | None:
    """Return (reason, message) if the Deployment reports that new pods need an action to start.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment
    """
    if deployment is None:
        return None
    conditions = {each["type"]: each for each in deployment.get("status", {}).get("conditions", ())}
    refusal, progress = conditions.get("ReplicaFailure", {}), conditions.get("Progressing", {})
    if refusal.get("status") == "True":
        return "PodsRefused", f"Pods cannot be created or deleted: {_sentence(refusal)}"
    if deployment["spec"].get("paused") and not is_updated(deployment):
        name = deployment["metadata"].get("name", "")
        return "RolloutPaused", f"The rollout is paused: run kubectl rollout resume deployment {name}."
    # A new template gets a new deadline.
    if (progress.get("status"), progress.get("reason")) == ("False", "ProgressDeadlineExceeded"):
        return "ProgressDeadlineExceeded", f"Kubernetes has given up waiting: {_sentence(progress)}"
    return None


def availability(deployment: Manifest | None, pods: Sequence[Manifest]) -> Condition:
    """Return Available: whether index servers serve, and if not, why."""
    if deployment is None:
        return Condition(AVAILABLE, "False", "NotDeployed", "The index servers are not deployed yet.")
    wanted = _wanted(deployment)
    available = deployment.get("status", {}).get("availableReplicas", 0)
    if wanted == 0 and not available:
        return Condition(AVAILABLE, "False", "ScaledToZero", "spec.replicas is 0: no index servers run.")
    problems = _all_problems(rollout_blocker(deployment), pod_problems(pods))
    count = f"{available} of {wanted} index servers are available."
    if available:
        return Condition(AVAILABLE, "True", "Serving", " ".join([count, *(text for _, text in problems[:1])]))
    reason, text = problems[0] if problems else ("Starting", "They are starting.")
    return Condition(AVAILABLE, "False", reason, f"{count} {text}")


def _all_problems(blocker: tuple[str, str] | None, problems: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return both, most informative first: the reason why pods do not start explains a missed deadline."""
    if blocker is None:
        return problems
    return [*problems, blocker] if blocker[0] == "ProgressDeadlineExceeded" else [blocker, *problems]


def is_ready(pod: Manifest) -> bool:
    """Return whether a pod receives requests."""
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def has_ended(pod: Manifest) -> bool:
    """Return whether a pod has terminated for good."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def runs_with_credentials(credentials_digest: str, deployment: Manifest | None, pods: Iterable[Manifest]) -> bool:
    """Return whether every pod uses the credentials with this digest, including terminating ones."""
    if deployment is None or not is_rolled_out(deployment):
        return False
    running = (pod for pod in pods if not has_ended(pod))
    return all(
        _credentials_digest(each) == credentials_digest for each in (deployment["spec"]["template"], *running)
    )


def _credentials_digest(pod: Manifest) -> str:
    return str(pod["metadata"].get("annotations", {}).get(CREDENTIALS_ANNOTATION, ""))


def _sentence(condition: Manifest) -> str:
    """Return the message of a condition of Kubernetes, as a bounded sentence."""
    text = " ".join(str(condition.get("message") or condition.get("reason") or "no reason given").split())
    return f"{text[:_MAX_MESSAGE_LENGTH].rstrip('.')}."


def _wanted(deployment: Manifest) -> int:
    return int(deployment["spec"].get("replicas", 1))


def pod_problems(pods: Sequence[Manifest]) -> list[tuple[str, str]]:
    """Return (reason, message) of each pod with a problem; both stay the same while the problem does."""
    found = (_pod_problem(pod) for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])))
    return [each for each in found if each]


def _pod_problem(pod: Manifest) -> tuple[str, str] | None:
    status, name = pod.get("status", {}), pod["metadata"]["name"]
    for each in status.get("conditions", ()):
        if each["type"] == "PodScheduled" and each["status"] == "False":
            return "Unschedulable", f"Pod {name} cannot be scheduled: {_sentence(each)}"
    for container in status.get("containerStatuses", ()):
        if found := _container_problem(container, name):
            return found
    return None


def _container_problem(container: Manifest, pod: str) -> tuple[str, str] | None:
    if container.get("ready"):
        return None
    waiting = container.get("state", {}).get("waiting", {})
    if waiting.get("reason") in _NO_IMAGE:
        return (
            "ImagePullFailed",
            (
                f"Pod {pod} cannot pull image {container['image']}: check the image and the pull Secrets in"
                " the operator's Helm values."
            ),
        )
    if waiting.get("reason") == "CreateContainerConfigError":
        return "PodConfigError", f"Pod {pod} cannot start: {_sentence(waiting)}"
    ended = container.get("lastState", {}).get("terminated") or container.get("state", {}).get("terminated")
    if ended:
        code, why = ended.get("exitCode"), ended.get("reason", "Error")
        return (
            "PodCrashing",
            f"Pod {pod} keeps exiting ({why}, exit code {code}): see kubectl logs {pod} --previous.",
        )
    return None
