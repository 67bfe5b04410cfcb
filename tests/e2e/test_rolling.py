"""Under a constant load of installs and uploads, changes go through without a failed request."""

import json
from collections.abc import Iterator

import pytest
from mypy_boto3_iam import IAMClient

from cluster import Cluster
from support.busy import Busy, busy_index
from support.here import Here
from support.kubectl import eventually
from support.mainjob import SYSTEM

OPERATIONS_A_SECOND = 120
"""About 200 requests: most of them take two."""


@pytest.fixture
def busy(here: Here, bucket: str, cluster: Cluster) -> Iterator[Busy]:
    with busy_index(here, bucket, cluster, OPERATIONS_A_SECOND) as index:
        yield index


@pytest.mark.alone
def test_settings_keys_and_images_change_under_load(busy: Busy, iam: IAMClient) -> None:
    here = busy.here
    mine = ("-n", here.namespace)

    def key() -> str:
        return here.kubectl.secret(here.namespace, "wheelyard-main-storage")["AWS_ACCESS_KEY_ID"]

    def reason(of: str) -> str:
        return here.condition("packageindex", "main", of)[1]

    def keys() -> list[str]:
        return [each["AccessKeyId"] for each in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]]

    # A setting that servers read at their start.
    change = json.dumps({"spec": {"limits": {"projectFiles": 5000}}})
    here.kubectl(*mine, "patch", "packageindex", "main", "--type=merge", "-p", change)
    eventually(lambda: reason("Reconciling") == "RollingOut", "the servers are replaced")
    here.wait_for("packageindex", "main", "Reconciling", "Settled")

    # The access key.
    old = key()
    (user,) = [each["UserName"] for each in iam.list_users()["Users"] if here.namespace in each["UserName"]]
    here.kubectl(*mine, "annotate", "packageindex", "main", "wheelyard.dev/rotate=now")
    eventually(lambda: key() != old, "there is another key")
    eventually(lambda: keys() == [key()], "the old key has ended")
    eventually(lambda: reason("CredentialsReady") == "KeyIssued", "the status says that it has ended")

    # An image that does not exist, and back.
    operator = ("-n", SYSTEM, "set", "env", "deployment/wheelyard-operator")
    image = here.kubectl.get(*mine, "deployment", "wheelyard-main")["spec"]["template"]["spec"]["containers"][0]
    here.kubectl(*operator, "WHEELYARD_IMAGE=wheelyard.dev/does-not-exist:1")
    try:
        eventually(lambda: "does-not-exist" in str(busy.status()["conditions"]), "it says what is wrong")
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
    here.wait_for("packageindex", "main", "Reconciling", "Settled")

    result = busy.end()
    assert (result["failed"], result["failures"]) == (0, [])
    assert result["counts"]["upload"] > 0
