"""While the API server or S3 is away indexes serve on, untouched; afterwards all heals without an edit."""

import os
import time
from typing import Any
from urllib.request import urlopen

import pytest

from cluster import start_part, stop_part
from support.here import Here
from support.kubectl import eventually
from support.operator_pods import OperatorPods

AWAY_SECONDS = 30
"""Longer than the operator keeps its Lease without an answer."""

pytestmark = pytest.mark.skipif(
    os.environ.get("CLUSTER", "local") != "local", reason="only the local cluster's programs can be stopped"
)


@pytest.fixture
def servers(here: Here, bucket: str) -> "Servers":
    here.index(bucket)
    here.wait_for("packageindex", "main", "Ready", "Serving", 90)
    return Servers(here)


class Servers:
    """The pods of an index."""

    def __init__(self, here: Here) -> None:
        self._here = here
        (pod,) = self._pods()
        self.url = f"http://{pod['status']['podIP']}:8080"
        self.before = self.made()

    def made(self) -> list[tuple[str, int]]:
        """Return which pods there are, and how often they were started again."""
        return [
            (each["metadata"]["uid"], each["status"]["containerStatuses"][0]["restartCount"])
            for each in self._pods()
        ]

    def _pods(self) -> list[dict[str, Any]]:
        mine = ("-n", self._here.namespace, "pods", "-l", "wheelyard.dev/index=main")
        items: list[dict[str, Any]] = self._here.kubectl.get(*mine)["items"]
        return items


def test_the_api_server(servers: Servers, here: Here) -> None:
    stop_part("kube-apiserver")
    try:
        for _ in range(AWAY_SECONDS):
            assert urlopen(f"{servers.url}/-/readyz", timeout=5).status == 200
            time.sleep(1)
    finally:
        start_part("kube-apiserver")
    pods = OperatorPods(here.kubectl)
    eventually(lambda: pods.leads(pods.leader()), "an operator leads", 90)
    here.apply("IndexUser", "afterwards", {"indexRef": {"name": "main"}})
    here.wait_for("indexuser", "afterwards", "Ready", "LoginInForce", 60)
    assert servers.made() == servers.before


def test_s3(servers: Servers, here: Here, bucket: str) -> None:
    stop_part("versitygw-s3")
    try:
        message = here.wait_for("packageindex", "main", "StorageReady", "EndpointUnreachable", 150)
        assert here.condition("packageindex", "main", "Stalled")[0] == "False"
    finally:
        start_part("versitygw-s3")
    assert bucket in message
    here.wait_for("packageindex", "main", "StorageReady", "BucketReady", 90)
    here.wait_for("packageindex", "main", "Ready", "Serving", 60)
    assert servers.made() == servers.before
