from typing import Any

import pytest

from unit.wheelyard_operator.fakes import NOW, an_index
from unit.wheelyard_operator.status.test_rollout import deployment, quota
from wheelyard_operator.problems import Problem
from wheelyard_operator.status.conditions import Condition
from wheelyard_operator.status.index import IndexFindings, index_status
from wheelyard_operator.status.storage import ReadyStorage


def conditions(of: Any = None, **changes: Any) -> dict[str, tuple[str, str]]:
    found: dict[str, Any] = {
        "url": "https://x/",
        "cluster_url": "http://x.svc/",
        "selector": "a=b",
        "users": 1,
        "deployment": deployment(),
        "pods": (),
        "problem": None,
        "storage": None if changes.get("problem") else ReadyStorage(),
        "access_answers": {"a": True},
    }
    status = index_status(an_index(**(of or {})), IndexFindings(**{**found, **changes}), NOW)
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def test_a_healthy_index_is_ready_and_settled() -> None:
    assert conditions() == {
        "Ready": ("True", "Serving"),
        "StorageReady": ("True", "BucketReady"),
        "CredentialsReady": ("True", "KeyIssued"),
        "Available": ("True", "Serving"),
        "AccessInForce": ("True", "InForce"),
        "Reconciling": ("False", "Settled"),
        "Stalled": ("False", "Progressing"),
    }


def test_a_storage_problem_leaves_the_index_available() -> None:
    problem = Problem("StorageReady", "BucketNotFound", "make it")
    assert conditions(problem=problem) == {
        "Ready": ("False", "BucketNotFound"),
        "StorageReady": ("False", "BucketNotFound"),
        "CredentialsReady": ("Unknown", "NotChecked"),
        "Available": ("True", "Serving"),
        "AccessInForce": ("True", "InForce"),
        "Reconciling": ("False", "Stalled"),
        "Stalled": ("True", "BucketNotFound"),
    }


def test_a_temporary_problem_does_not_stall() -> None:
    problem = Problem("StorageReady", "EndpointUnreachable", "wait", stalled=False)
    found = conditions(problem=problem)
    assert found["Reconciling"] == ("True", "Retrying")
    assert found["Stalled"] == ("False", "Progressing")


def test_a_name_conflict_leaves_the_storage_unchecked() -> None:
    found = conditions(problem=Problem("Ready", "NameConflict", "rename"), deployment=None)
    assert found["Ready"] == ("False", "NameConflict")
    assert found["Available"] == ("False", "NotDeployed")
    assert found["StorageReady"] == ("Unknown", "NotChecked")


def test_available_does_not_depend_on_refused_objects() -> None:
    refused = Problem("AccessInForce", "ApplyRefused", "immutable")
    found = conditions(problem=refused)
    assert found["Available"] == ("True", "Serving")
    assert found["AccessInForce"] == found["Ready"] == ("False", "ApplyRefused")
    assert found["Stalled"] == ("True", "ApplyRefused")
    for condition in ("Ready", "StorageReady", "CredentialsReady", "AccessInForce"):
        assert conditions(problem=Problem(condition, "R", "m"))["Available"] == ("True", "Serving")


@pytest.mark.parametrize(
    ("live", "ready", "reconciling"),
    [
        (None, ("False", "NotDeployed"), ("True", "RollingOut")),
        (deployment(availableReplicas=0), ("False", "Starting"), ("True", "RollingOut")),
        (deployment(availableReplicas=1), ("True", "Serving"), ("True", "RollingOut")),
        (deployment(generation=9), ("False", "RollingOut"), ("True", "RollingOut")),
        (deployment(0), ("True", "ScaledToZero"), ("False", "Settled")),
        (deployment(0, replicas=1), ("False", "ScaledToZero"), ("True", "RollingOut")),
        (deployment(0, generation=9), ("False", "ScaledToZero"), ("True", "RollingOut")),
    ],
)
def test_a_rollout_is_recognized_as_under_way_or_complete(live: Any, ready: Any, reconciling: Any) -> None:
    found = conditions(deployment=live)
    assert (found["Ready"], found["Reconciling"]) == (ready, reconciling)


def test_servers_that_never_start_stall_the_index() -> None:
    live = deployment(updatedReplicas=1)
    live["status"]["conditions"] = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    ]
    found = conditions(deployment=live)
    assert found["Stalled"] == ("True", "ProgressDeadlineExceeded")
    assert found["Reconciling"] == ("False", "Stalled")
    assert found["Available"] == ("True", "Serving")
    live["status"]["conditions"][0]["status"] = "True"
    assert conditions(deployment=live)["Stalled"][0] == "False"


@pytest.mark.parametrize("available", [0, 1])
def test_refused_pods_stall_the_index(available: int) -> None:
    live = deployment(updatedReplicas=1, availableReplicas=available)
    live["status"]["conditions"] = [quota()]
    found = conditions(deployment=live)
    assert found["Stalled"] == ("True", "PodsRefused")
    assert found["Ready"] == ("False", "PodsRefused")
    assert found["Reconciling"] == ("False", "Stalled")
    assert found["Available"] == (("True", "Serving") if available else ("False", "PodsRefused"))


def test_a_paused_rollout_is_reported() -> None:
    live = deployment(updatedReplicas=0)
    live["spec"]["paused"] = True
    found = conditions(deployment=live)
    assert found["Stalled"] == ("True", "RolloutPaused")
    assert found["Available"] == ("True", "Serving")
    assert found["Ready"] == ("False", "RolloutPaused")
    live["status"]["updatedReplicas"] = 2
    assert conditions(deployment=live)["Ready"] == ("True", "Serving"), "there is nothing to roll out"


def test_zero_servers_do_not_wait_for_checks_by_servers() -> None:
    role = {"s3__provision": {}, "s3__credentials": {"serviceAccount": {"annotations": {"a": "b"}}}}
    found = conditions(role, deployment=deployment(0), access_answers={})
    assert found["StorageReady"] == ("Unknown", "NotChecked")
    assert found["Ready"] == ("True", "ScaledToZero")
    wrong = conditions(deployment=deployment(0), exposed=Condition("Exposed", "False", "HostNotAllowed", "m"))
    assert wrong["Ready"] == ("False", "HostNotAllowed")
