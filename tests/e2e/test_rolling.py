"""Under a constant load of installs and uploads, changes go through without a failed request."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from mypy_boto3_iam import IAMClient

from cluster import Cluster
from support.here import Here
from support.kubectl import eventually
from support.mainjob import SYSTEM

OPERATIONS_A_SECOND = 120
"""About 200 requests: most of them take two."""


class Busy:
    """An index that is being used all the time."""

    def __init__(self, here: Here, running: Future[dict[str, Any]]) -> None:
        self.here = here
        self._running = running

    def end(self) -> dict[str, Any]:
        """Stop the load and return what came of it."""
        self.here.stop_load()
        result = self._running.result(60)
        print({name: value for name, value in result.items() if name != "history"})  # noqa: T201
        return result

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.here.kubectl.get("-n", self.here.namespace, "packageindex", "main")["status"]
        return found


@pytest.fixture
def busy(here: Here, bucket: str, cluster: Cluster) -> Iterator[Busy]:
    grants = [{"subjects": ["user:" + here.namespace + ".ci"], "verbs": ["read", "publish"]}]
    here.index(bucket, spec={"replicas": 2, "access": {"grants": grants}})
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
    here.client_pod(cluster)
    here.wait_for("packageindex", "main", "Reconciling", "Settled", 90)
    here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
    with ThreadPoolExecutor(1) as threads:
        yield Busy(here, threads.submit(here.load, OPERATIONS_A_SECOND))
        here.stop_load()


def test_settings_keys_and_images_change_under_load(busy: Busy, iam: IAMClient) -> None:
    here = busy.here
    mine = ("-n", here.namespace)

    def key() -> str:
        return here.kubectl.secret(here.namespace, "wheelyard-main-storage")["AWS_ACCESS_KEY_ID"]

    def reason(of: str) -> str:
        return here.condition("packageindex", "main", of)[1]

    # A setting that servers read at their start.
    change = json.dumps({"spec": {"limits": {"projectFiles": 5000}}})
    here.kubectl(*mine, "patch", "packageindex", "main", "--type=merge", "-p", change)
    eventually(lambda: reason("Reconciling") == "RollingOut", "the servers are replaced", 20)
    here.wait_for("packageindex", "main", "Reconciling", "Settled", 60)

    # The access key.
    old = key()
    (user,) = [each["UserName"] for each in iam.list_users()["Users"] if here.namespace in each["UserName"]]
    here.kubectl(*mine, "annotate", "packageindex", "main", "wheelyard.dev/rotate=now")
    eventually(lambda: key() != old, "there is another key", 20)
    eventually(lambda: reason("CredentialsReady") == "KeyIssued", "the old key has ended", 90)
    keys = [each["AccessKeyId"] for each in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]]
    assert keys == [key()]

    # An image that does not exist, and back.
    operator = ("-n", SYSTEM, "set", "env", "deployment/wheelyard-operator")
    image = here.kubectl.get(*mine, "deployment", "wheelyard-main")["spec"]["template"]["spec"]["containers"][0]
    here.kubectl(*operator, "WHEELYARD_IMAGE=wheelyard.dev/does-not-exist:1")
    try:
        eventually(lambda: "does-not-exist" in str(busy.status()["conditions"]), "it says what is wrong", 60)
        conditions = {each["type"]: each for each in busy.status()["conditions"]}
        assert "2 of 2" in conditions["Available"]["message"]
        assert "does-not-exist" in conditions["Ready"]["message"]
        assert {name: conditions[name]["status"] for name in ("Available", "Ready", "Reconciling")} == {
            "Available": "True",
            "Ready": "False",  # as long as what serves is not what was asked for
            "Reconciling": "True",
        }
    finally:
        here.kubectl(*operator, f"WHEELYARD_IMAGE={image['image']}")
    here.wait_for("packageindex", "main", "Reconciling", "Settled", 60)

    result = busy.end()
    assert (result["failed"], result["failures"]) == (0, [])
    assert result["counts"]["upload"] > 0
