"""A deletion waits for the servers, names what it waits for, and waits for nothing else."""

import pytest

from unit.wheelyard_operator.fakes import condition, index_body, server_pod
from unit.wheelyard_operator.reconcile.world import World
from wheelyard_operator.reconcile.outcome import GONE
from wheelyard_operator.resource import Manifest
from wheelyard_operator.times import later


@pytest.fixture
def leaving(world: World) -> World:
    """Return a world in which the index was just deleted."""
    world.kube.put(index_body(deletion_policy="Delete"))
    world.settle()
    world.kube.objects["PackageIndex", "packages", "main"]["metadata"]["deletionTimestamp"] = world.now
    return world


def told(world: World, kind: str = "Ready") -> Manifest:
    return condition(world.get("PackageIndex", "main"), kind)


def test_the_servers_that_are_ending_are_named(leaving: World) -> None:
    for number in range(5):
        leaving.kube.put(server_pod(f"server-{number}", deletionTimestamp=later(leaving.now, 320)))
    assert leaving.index().after
    assert told(leaving)["reason"] == "WaitingForServers"
    assert "Pods server-0, server-1, server-2 and 2 more" in told(leaving)["message"]
    assert told(leaving, "Stalled")["status"] == "False"


@pytest.mark.parametrize(
    "stray",
    [
        server_pod("stray", ownerReferences=[]),
        server_pod("stray", ownerReferences=[{"kind": "ReplicaSet", "name": "copy-abc", "uid": "r"}]),
        server_pod("stray", labels={"wheelyard.dev/index": "main", "wheelyard.dev/verifies": "main"}),
    ],
)
def test_a_stray_pod_is_not_waited_for(leaving: World, stray: Manifest) -> None:
    leaving.kube.put(stray)
    assert leaving.index() == GONE
    assert leaving.has("Pod", "stray")


def test_servers_that_outlive_their_deployment_are_named_and_what_ends_them(leaving: World) -> None:
    leaving.kube.put(server_pod("server"))
    leaving.index()
    assert told(leaving)["reason"] == "WaitingForServers", "the garbage collector takes a moment"
    leaving.now = later(leaving.now, 100)
    leaving.index()
    assert told(leaving)["reason"] == "ServersRemain"
    assert "kubectl delete replicaset wheelyard-main-abc" in told(leaving)["message"]
    assert told(leaving, "Stalled")["status"] == "True"
    del leaving.kube.objects["Pod", "packages", "server"]
    assert leaving.index() == GONE


def test_a_server_on_a_node_that_is_gone_is_named(leaving: World) -> None:
    leaving.kube.put(server_pod("server", deletionTimestamp=leaving.now))
    leaving.now = later(leaving.now, 100)
    leaving.index()
    assert "kubectl delete pod server --force" in told(leaving)["message"]
    assert told(leaving, "Stalled")["status"] == "True"


@pytest.mark.parametrize("collected", [False, True])
def test_with_cascade_orphan_the_servers_stay_and_the_index_goes(leaving: World, *, collected: bool) -> None:
    """Before and after the garbage collector has removed the owner from the children."""
    leaving.kube.put(server_pod("server"))
    if collected:
        leaving.kube.objects["Deployment", "packages", "wheelyard-main"]["metadata"]["ownerReferences"] = []
    else:
        leaving.kube.objects["PackageIndex", "packages", "main"]["metadata"]["finalizers"].append("orphan")
    leaving.index()
    finalizers = leaving.get("PackageIndex", "main")["metadata"]["finalizers"] if not collected else ["orphan"]
    assert finalizers == ["orphan"], "ours are done"
    assert leaving.has("Deployment", "wheelyard-main")
    assert leaving.has("PackageIndex", "main") is not collected


def test_a_stray_pod_keeps_no_key_from_being_rotated(world: World) -> None:
    world.kube.put(index_body())
    world.settle()
    world.kube.put(server_pod("stray", ownerReferences=[]))
    first = world.get("PackageIndex", "main")["status"]["accessKeyIssued"]
    world.kube.objects["PackageIndex", "packages", "main"]["metadata"]["annotations"] = {
        "wheelyard.dev/rotate": "1"
    }
    world.settle()
    world.settle()
    assert world.get("PackageIndex", "main")["status"]["accessKeyIssued"] != first
    assert world.reason(kind="CredentialsReady") == "KeyIssued"
