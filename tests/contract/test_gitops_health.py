"""What Argo CD's health check and Flux's kstatus make of the statuses that the operator writes."""

from pathlib import Path
from typing import Any

import lupa
import pytest
import yaml

from unit.wheelyard_operator.fakes import NOW, a_user, an_exception, an_index
from unit.wheelyard_operator.status.test_rollout import deployment, quota
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.api_refusals import namespace_terminates
from wheelyard_operator.resource.consent import Judgment, Refusal
from wheelyard_operator.status.conditions import paused_conditions
from wheelyard_operator.status.exception import exception_status
from wheelyard_operator.status.index import IndexFindings, index_status
from wheelyard_operator.status.storage import ReadyStorage
from wheelyard_operator.status.user import UserFindings, user_status

CHECKS = yaml.safe_load((Path(__file__).parents[2] / "examples/argocd/argocd-cm.yaml").read_text())["data"]
CRDS = Path(__file__).parents[2] / "crds"
PREFIX = "resource.customizations.health.wheelyard.dev_"
WAITING = Problem("StorageReady", "EndpointUnreachable", "wait", stalled=False)
REFUSED = Problem("Ready", "ApplyRefused", "have the quota raised")
WRONG = Problem("StorageReady", "BucketNotFound", "make it")


def new(crd: str) -> dict[str, Any]:
    """Return the status of a resource that the operator has not seen yet."""
    (version,) = yaml.safe_load((CRDS / f"wheelyard.dev_{crd}.yaml").read_text())["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"]
    return found


def health(kind: str, status: dict[str, Any], **metadata: Any) -> tuple[str, str]:
    """Run the check as Argo CD does: the resource is `obj`, and what it returns is the health."""
    lua = lupa.LuaRuntime()
    resource = {"metadata": {"generation": 1, **metadata}, "status": status}
    lua.globals().obj = lua.table_from(resource, recursive=True)
    found = lua.execute(CHECKS[PREFIX + kind])
    return found.status, found.message


def an_index_s(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "url": "http://x/",
        "cluster_url": "http://x/",
        "selector": "a=b",
        "users": 1,
        "deployment": deployment(),
        "pods": (),
        "problem": None,
        "storage": None if changes.get("problem") else ReadyStorage(),
        "access_answers": {"a": True},
    }
    return index_status(an_index(), IndexFindings(**{**found, **changes}), NOW)


def kstatus(status: dict[str, Any], generation: int = 1) -> str:
    """Return what Flux waits for, by the rules of kstatus, in their order.

    https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
    """
    found = {each["type"]: each["status"] for each in status.get("conditions", ())}
    if status.get("observedGeneration", generation) != generation or found.get("Reconciling") == "True":
        return "InProgress"
    if found.get("Stalled") == "True":
        return "Failed"
    return "InProgress" if found.get("Ready", "True") != "True" else "Current"


def without_pods() -> dict[str, Any]:
    """Return a Deployment whose pods a quota refuses."""
    live = deployment(updatedReplicas=1, availableReplicas=0)
    return {**live, "status": {**live["status"], "conditions": [quota()]}}


def stopped() -> dict[str, Any]:
    """Return a Deployment whose roll-out somebody paused half-way."""
    live = deployment(updatedReplicas=1)
    return {**live, "spec": {**live["spec"], "paused": True}}


def paused(status: dict[str, Any], was: int = 1) -> dict[str, Any]:
    """Return the status of a resource of generation 1 that was paused when it had that of generation `was`."""
    before = {**status, "observedGeneration": was}
    return {**status, "observedGeneration": 1, "conditions": paused_conditions(before, 1, NOW)}


@pytest.mark.parametrize(
    ("status", "argocd", "flux"),
    [
        (new("packageindexes"), "Progressing", "InProgress"),
        (an_index_s(), "Healthy", "Current"),
        (an_index_s(problem=WRONG), "Degraded", "Failed"),
        (an_index_s(problem=WAITING), "Progressing", "InProgress"),
        (an_index_s(deployment=None), "Progressing", "InProgress"),
        (an_index_s(access_answers={"a": False}), "Degraded", "InProgress"),
        (an_index_s(deployment=deployment(0)), "Healthy", "Current"),
        (an_index_s(deployment=deployment(0, replicas=1)), "Progressing", "InProgress"),
        (an_index_s(deployment=without_pods()), "Degraded", "Failed"),
        (an_index_s(deployment=stopped()), "Degraded", "Failed"),
        (an_index_s(problem=namespace_terminates(an_index().meta)), "Progressing", "InProgress"),
        (paused(an_index_s()), "Suspended", "Current"),
        (paused(an_index_s(problem=WAITING)), "Suspended", "Failed"),
        (paused(an_index_s(), was=0), "Suspended", "Failed"),
        (paused(new("packageindexes"), was=0), "Suspended", "Failed"),
    ],
)
def test_argocd_and_flux_see_the_health_of_an_index(status: Any, argocd: str, flux: str) -> None:
    assert (health("PackageIndex", status)[0], kstatus(status)) == (argocd, flux)


def test_its_message_is_what_the_condition_says() -> None:
    assert health("PackageIndex", an_index_s(problem=WRONG)) == ("Degraded", "make it")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (UserFindings(url="http://x/", has_secret=True), ("Healthy", "Current")),
        (UserFindings(problem=Problem("Ready", "IndexNotFound", "create it")), ("Degraded", "Failed")),
        (UserFindings(problem=Problem("Ready", "Pending", "soon", stalled=False)), ("Progressing", "InProgress")),
        (UserFindings(url="http://x/", has_secret=True, problem=REFUSED), ("Degraded", "Failed")),
    ],
)
def test_argocd_and_flux_see_the_health_of_a_user(findings: UserFindings, expected: tuple[str, str]) -> None:
    status = user_status(a_user(), findings, NOW)
    assert (health("IndexUser", status)[0], kstatus(status)) == expected


@pytest.mark.parametrize("kind", ["PackageIndex", "IndexUser"])
def test_a_status_of_an_older_generation_says_nothing(kind: str) -> None:
    status = an_index_s() if kind == "PackageIndex" else user_status(a_user(), UserFindings(url="http://x/"), NOW)
    assert health(kind, status, generation=2)[0] == "Progressing"
    assert kstatus(status, generation=2) == "InProgress"


def test_a_user_that_the_operator_has_not_seen_yet() -> None:
    assert (health("IndexUser", new("indexusers"))[0], kstatus(new("indexusers"))) == ("Progressing", "InProgress")


def test_a_resource_being_deleted_is_progressing() -> None:
    assert health("PackageIndex", an_index_s(), deletionTimestamp=NOW)[0] == "Progressing"


def test_both_kinds_of_resources_get_the_same_health() -> None:
    assert CHECKS[PREFIX + "PackageIndex"] == CHECKS[PREFIX + "IndexUser"]


def an_exception_s(reason: str) -> dict[str, Any]:
    """Return the status of an exception that is refused for this reason, or accepted without one."""
    refusal = Refusal(reason, "ask its owner") if reason else None
    return exception_status(an_exception(), Judgment("2026-12-16T00:00:00Z", refusal), NOW)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (new("packageexceptions"), ("Progressing", "InProgress")),
        (an_exception_s(""), ("Healthy", "Current")),
        (an_exception_s("Ended"), ("Healthy", "Current")),
        (an_exception_s("NotConsented"), ("Degraded", "Failed")),
    ],
)
def test_an_exception_that_has_ended_fails_no_deployment(status: Any, expected: tuple[str, str]) -> None:
    assert (health("PackageException", status)[0], kstatus(status)) == expected
