from typing import Any

import pytest

from wheelyard_operator.resource import Manifest
from wheelyard_operator.status.rollout import availability, is_rolled_out, is_updated


def deployment(wanted: int = 2, generation: int = 3, **status: int) -> Manifest:
    fine = {
        "observedGeneration": 3,
        "replicas": wanted,
        "updatedReplicas": wanted,
        "availableReplicas": wanted,
    }
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": wanted},
        "status": {**fine, **status},
    }


def pod(container: Manifest | None = None, conditions: Any = ()) -> Manifest:
    statuses = [{"image": "w:1", "ready": False, **container}] if container else []
    return {"metadata": {"name": "p"}, "status": {"containerStatuses": statuses, "conditions": conditions}}


def quota(message: str = "pods are forbidden: exceeded quota") -> Manifest:
    """Return the condition of a Deployment whose pods the API server refuses."""
    return {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}


@pytest.mark.parametrize(
    ("live", "updated", "rolled_out"),
    [
        (deployment(), True, True),
        (deployment(generation=4), False, False),
        (deployment(updatedReplicas=1), False, False),
        (deployment(replicas=3), False, False),
        (deployment(availableReplicas=1), True, False),
    ],
)
def test_a_rollout_is_recognized_as_under_way_or_complete(
    live: Manifest, *, updated: bool, rolled_out: bool
) -> None:
    assert is_updated(live) is updated
    assert is_rolled_out(live) is rolled_out


def test_without_a_deployment_nothing_is_rolled_out() -> None:
    assert not is_rolled_out(None)
    assert availability(None, []).reason == "NotDeployed"


def test_zero_replicas_is_scaled_to_zero() -> None:
    assert availability(deployment(0), []).reason == "ScaledToZero"


def test_terminating_servers_still_count_as_available() -> None:
    assert availability(deployment(0, availableReplicas=1), []).status == "True"


@pytest.mark.parametrize("available", [0, 1])
def test_a_refusal_of_pods_is_quoted_and_bounded(available: int) -> None:
    live = deployment(updatedReplicas=1, availableReplicas=available)
    live["status"]["conditions"] = [quota("pods are\n forbidden: " + "x" * 5000)]
    found = availability(live, [pod({"state": {"waiting": {"reason": "ContainerCreating"}}})])
    assert "Pods cannot be created or deleted: pods are forbidden: xx" in found.message
    assert len(found.message) < 1200


def test_the_reason_of_a_pod_comes_before_the_missed_deadline() -> None:
    live = deployment(updatedReplicas=1, availableReplicas=0)
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    live["status"]["conditions"] = [late]
    assert availability(live, []).reason == "ProgressDeadlineExceeded"
    assert "timed out" in availability(live, []).message
    no_image = pod({"state": {"waiting": {"reason": "ErrImagePull"}}})
    assert availability(live, [no_image]).reason == "ImagePullFailed"


def test_some_available_servers_make_an_index_available() -> None:
    found = availability(deployment(availableReplicas=1), [])
    assert (found.status, found.message) == ("True", "1 of 2 index servers are available.")


@pytest.mark.parametrize(
    ("problem", "reason", "words"),
    [
        (pod({"state": {"waiting": {"reason": "ErrImagePull"}}}), "ImagePullFailed", "w:1"),
        (pod({"state": {"waiting": {"reason": "ImagePullBackOff"}}}), "ImagePullFailed", "w:1"),
        (
            pod({"state": {"waiting": {"reason": "CreateContainerConfigError", "message": "no secret x"}}}),
            "PodConfigError",
            "no secret x",
        ),
        (
            pod({"lastState": {"terminated": {"exitCode": 2, "reason": "Error"}}, "state": {}}),
            "PodCrashing",
            "exit code 2",
        ),
        (
            pod({"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
            "PodCrashing",
            "OOMKilled",
        ),
        (
            pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "no room"}]),
            "Unschedulable",
            "no room",
        ),
        (pod({"state": {"waiting": {"reason": "ContainerCreating"}}}), "Starting", "starting"),
        (pod({"ready": True}), "Starting", "starting"),
    ],
)
def test_the_reason_why_a_pod_does_not_start_is_reported(problem: Manifest, reason: str, words: str) -> None:
    found = availability(deployment(availableReplicas=0), [problem])
    assert (found.status, found.reason) == ("False", reason)
    assert words in found.message


def test_the_message_stays_the_same_while_the_problem_does() -> None:
    """A kubelet alternates between the two, and each change would be a write."""
    one = pod({"state": {"waiting": {"reason": "ErrImagePull", "message": "a"}}})
    two = pod({"state": {"waiting": {"reason": "ImagePullBackOff", "message": "b"}}})
    live = deployment(availableReplicas=0)
    assert availability(live, [one]) == availability(live, [two])
