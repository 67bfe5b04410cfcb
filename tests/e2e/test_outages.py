"""While S3 is away indexes stay untouched; afterwards all heals without an edit. `make chaos` does more of it."""

import os
from typing import Any

import pytest

from cluster import start_part, stop_part
from support.here import Here

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(
        os.environ.get("CLUSTER", "local") != "local", reason="only the local cluster's programs can be stopped"
    ),
]


@pytest.fixture
def servers(here: Here, bucket: str) -> "Servers":
    here.index(bucket)
    here.wait_for("packageindex", "main", "Ready", "Serving")
    return Servers(here)


class Servers:
    """The pods of an index."""

    def __init__(self, here: Here) -> None:
        self._here = here
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


def test_an_outage_of_s3_is_a_condition_and_heals(servers: Servers, here: Here, bucket: str) -> None:
    stop_part("versitygw-s3")
    try:
        message = here.wait_for("packageindex", "main", "StorageReady", "EndpointUnreachable")
        assert here.condition("packageindex", "main", "Stalled")[0] == "False"
    finally:
        start_part("versitygw-s3")
    assert bucket in message
    here.wait_for("packageindex", "main", "StorageReady", "BucketReady")
    here.wait_for("packageindex", "main", "Ready", "Serving")
    assert servers.made() == servers.before
