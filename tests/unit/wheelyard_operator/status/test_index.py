from __future__ import annotations

from typing import Any

import pytest

from unit.wheelyard_operator.fakes import NOW, an_index
from unit.wheelyard_operator.status.test_rollout import deployment
from wheelyard_operator.problems import Problem
from wheelyard_operator.status.index import IndexFindings, index_status
from wheelyard_operator.status.storage import ReadyStorage


def conditions(of: Any = None, **changes: Any) -> dict[str, tuple[str, str]]:
    found: dict[str, Any] = {
        "url": "https://x/",
        "internal_url": "http://x.svc/",
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


def test_all_is_well() -> None:
    assert conditions() == {
        "Ready": ("True", "Serving"),
        "StorageReady": ("True", "BucketReady"),
        "CredentialsReady": ("True", "KeyIssued"),
        "Available": ("True", "Serving"),
        "AccessInForce": ("True", "InForce"),
        "Reconciling": ("False", "Settled"),
        "Stalled": ("False", "Progressing"),
    }


def test_a_storage_problem_while_pods_serve() -> None:
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


def test_a_problem_that_may_pass_by_itself_does_not_stall() -> None:
    problem = Problem("StorageReady", "EndpointUnreachable", "wait", stalled=False)
    found = conditions(problem=problem)
    assert found["Reconciling"] == ("True", "Retrying")
    assert found["Stalled"] == ("False", "Progressing")


def test_a_name_that_is_taken() -> None:
    found = conditions(problem=Problem("Available", "NameConflict", "rename"), deployment=None)
    assert found["Ready"] == found["Available"] == ("False", "NameConflict")
    assert found["StorageReady"] == ("Unknown", "NotChecked")


@pytest.mark.parametrize(
    ("live", "ready", "reconciling"),
    [
        (None, ("False", "NotDeployed"), ("True", "RollingOut")),
        (deployment(availableReplicas=0), ("False", "Starting"), ("True", "RollingOut")),
        (deployment(availableReplicas=1), ("True", "Serving"), ("True", "RollingOut")),
        (deployment(generation=9), ("False", "RollingOut"), ("True", "RollingOut")),
        (deployment(0), ("False", "ScaledToZero"), ("False", "Settled")),
    ],
)
def test_rollout(live: Any, ready: Any, reconciling: Any) -> None:
    found = conditions(deployment=live)
    assert (found["Ready"], found["Reconciling"]) == (ready, reconciling)


def test_servers_that_never_start_need_somebody() -> None:
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
