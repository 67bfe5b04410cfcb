"""The operator goes on: when its leader ends, dies or hangs, and when the API server or S3 are away."""

import os
import signal
import time
from collections.abc import Iterator
from urllib.request import urlopen

import pytest

from cluster import start_part, stop_part
from support.here import Here
from support.kubectl import eventually
from support.operator_pods import OperatorPods

TAKEOVER_SECONDS = 30
"""A Lease of 15 seconds, and who looks at it every 2; the rest is for a machine that is busy."""

here_only = pytest.mark.skipif(
    os.environ.get("CLUSTER", "local") != "local", reason="only where this machine is the node"
)


@pytest.fixture
def pods(here: Here) -> OperatorPods:
    return OperatorPods(here.kubectl)


@pytest.fixture
def pair(pods: OperatorPods) -> Iterator[OperatorPods]:
    """Run two operators, and one again afterwards."""
    pods.scale(2)
    yield pods
    pods.scale(1)


def assert_works(here: Here, name: str) -> None:
    """Check that a change is looked after, and soon."""
    here.apply("IndexUser", name, {"indexRef": {"name": "nowhere"}})
    here.wait_for("indexuser", name, "Ready", "IndexNotFound", 15)


def assert_follows(pods: OperatorPods, leader: str, transitions: int) -> str:
    """Check that another one leads within the time that is promised, and it alone; return its name."""
    following = eventually(
        lambda: (found := pods.leader()) != leader and found, "another operator leads", TAKEOVER_SECONDS
    )
    assert pods.lease()["leaseTransitions"] == transitions + 1
    return str(following)


def test_when_the_leader_ends_another_leads_at_once(pair: OperatorPods, here: Here) -> None:
    leader, transitions = pair.leader(), pair.lease()["leaseTransitions"]
    (standby,) = set(pair.names()) - {leader}
    assert (pair.leads(leader), pair.leads(standby)) == (True, False)
    assert_works(here, "first")
    here.kubectl("-n", "wheelyard-system", "delete", "pod", leader, "--wait=false")
    assert assert_follows(pair, leader, transitions) == standby
    assert_works(here, "second")
    assert pair.restarts(standby) == 0


@here_only
def test_a_leader_that_hangs_is_followed_and_writes_nothing_when_it_wakes(pair: OperatorPods, here: Here) -> None:
    leader, transitions = pair.leader(), pair.lease()["leaseTransitions"]
    pair.send(leader, signal.SIGSTOP)
    try:
        following = assert_follows(pair, leader, transitions)
        assert_works(here, "meanwhile")
    finally:
        pair.send(leader, signal.SIGCONT)
    eventually(lambda: pair.restarts(leader) == 1, "it ends itself", 20)
    eventually(lambda: not pair.leads(leader), "it stands by", 30)
    assert pair.leads(following)
    assert pair.lease()["leaseTransitions"] == transitions + 1


@here_only
def test_while_the_api_server_is_away_indexes_serve_and_afterwards_all_goes_on(
    pods: OperatorPods, here: Here, bucket: str
) -> None:
    here.index(bucket)
    here.wait_for("packageindex", "main", "Ready", "Serving", 90)
    mine = ("-n", here.namespace)
    selector = ("-l", "wheelyard.dev/index=main")
    (before,) = here.kubectl.get(*mine, "pods", *selector)["items"]
    url = f"http://{before['status']['podIP']}:8080/-/readyz"
    stop_part("kube-apiserver")
    try:
        for _ in range(TAKEOVER_SECONDS):
            assert urlopen(url, timeout=5).status == 200
            time.sleep(1)
    finally:
        start_part("kube-apiserver")
    eventually(lambda: pods.leads(pods.leader()), "an operator leads", 60)
    assert_works(here, "afterwards")
    (after,) = here.kubectl.get(*mine, "pods", *selector)["items"]
    assert (after["metadata"]["uid"], after["status"]["containerStatuses"][0]["restartCount"]) == (
        before["metadata"]["uid"],
        0,
    )


@here_only
def test_while_s3_is_away_a_condition_says_so_and_it_heals_by_itself(here: Here, bucket: str) -> None:
    here.index(bucket)
    here.wait_for("packageindex", "main", "Ready", "Serving", 90)
    mine = ("-n", here.namespace)

    def made() -> tuple[str, list[str]]:
        deployment = here.kubectl.get(*mine, "deployment", "wheelyard-main")["metadata"]["generation"]
        found = here.kubectl.get(*mine, "pods", "-l", "wheelyard.dev/index=main")["items"]
        return str(deployment), [each["metadata"]["uid"] for each in found]

    before = made()
    stop_part("versitygw-s3")
    try:
        message = here.wait_for("packageindex", "main", "StorageReady", "EndpointUnreachable", 120)
    finally:
        start_part("versitygw-s3")
    assert bucket in message
    here.wait_for("packageindex", "main", "StorageReady", "BucketReady", 60)
    here.wait_for("packageindex", "main", "Ready", "Serving", 60)
    assert made() == before
