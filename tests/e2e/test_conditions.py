"""Conditions tell what is wrong and what to do about it, and what was mended heals by itself."""

import json
import time
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_iam import IAMClient
from mypy_boto3_s3 import S3Client

from cluster import Cluster
from support.here import Here
from support.iam_users import user_names
from support.kubectl import eventually
from support.mainjob import MainJob
from support.temporary import Removals, new_bucket, new_namespace

QUIET_SECONDS = 80
"""For which nothing may be written: longer than until the operator looks at all again."""


class Resting:
    """An index and its user in a namespace of their own, which are left alone from when they have settled."""

    def __init__(self, here: Here) -> None:
        self._here = here
        eventually(self._settled, "everything has settled")
        self.since = time.monotonic()

    def versions(self) -> dict[str, str]:
        kinds = "packageindex,indexuser,deployment,service,configmap,secret,serviceaccount,pod,event"
        items = self._here.kubectl.get("-n", self._here.namespace, kinds)["items"]
        return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in items}

    def _settled(self) -> bool:
        self.before = self.versions()
        time.sleep(8)
        return self.versions() == self.before


@pytest.fixture(scope="module")
def resting(operator: MainJob, s3: S3Client, removals: Removals) -> Iterator[Resting]:
    """Let them rest while the tests of this file run: the operator has other things to do meanwhile."""
    with new_namespace(operator.kubectl, removals) as namespace, new_bucket(s3, removals) as bucket:
        here = Here(operator.kubectl, namespace)
        here.index(bucket)
        here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
        here.wait_for("packageindex", "main", "Ready", "Serving")
        here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
        yield Resting(here)


def test_what_was_made_comes_to_rest(resting: Resting) -> None:
    assert {"PackageIndex/main", "IndexUser/ci"} <= set(resting.before)


def test_a_bucket_that_does_not_exist_and_then_does(here: Here, bucket: str, s3: S3Client) -> None:
    here.index(bucket, provision={"user": True})
    message = here.wait_for("packageindex", "main", "StorageReady", "BucketNotFound")
    assert bucket in message
    assert here.condition("packageindex", "main", "Ready")[0] == "False"
    s3.create_bucket(Bucket=bucket)
    here.wait_for("packageindex", "main", "Ready", "Serving")


def test_a_missing_secret_then_wrong_keys_then_right_ones(
    here: Here, bucket: str, s3: S3Client, cluster: Cluster
) -> None:
    s3.create_bucket(Bucket=bucket)
    here.index(bucket, credentials={"secretRef": {"name": "keys"}})
    assert "keys" in here.wait_for("packageindex", "main", "CredentialsReady", "SecretNotFound")
    here.secret("keys", AWS_ACCESS_KEY_ID="nobody")
    message = here.wait_for("packageindex", "main", "CredentialsReady", "SecretKeyMissing")
    assert "AWS_SECRET_ACCESS_KEY" in message
    here.secret("keys", AWS_ACCESS_KEY_ID="nobody", AWS_SECRET_ACCESS_KEY="nothing")
    here.wait_for("packageindex", "main", "CredentialsReady", "WrongCredentials")
    here.secret("keys", AWS_ACCESS_KEY_ID=cluster.s3.access_key, AWS_SECRET_ACCESS_KEY=cluster.s3.secret_key)
    here.wait_for("packageindex", "main", "Ready", "Serving")


def test_two_indexes_on_one_bucket_and_prefix(here: Here, bucket: str) -> None:
    here.index(bucket, "first")
    here.wait_for("packageindex", "first", "Ready", "Serving")
    here.index(bucket, "second")
    message = here.wait_for("packageindex", "second", "StorageReady", "StorageInUse")
    assert "first" not in message, "its owner must not be revealed"
    assert here.condition("packageindex", "second", "Stalled")[0] == "True"
    assert here.condition("packageindex", "first", "Ready")[0] == "True"


def test_a_bucket_and_a_host_that_are_not_allowed(here: Here, bucket: str, s3: S3Client) -> None:
    here.index("payroll-of-all")
    message = here.wait_for("packageindex", "main", "StorageReady", "BucketNotAllowed")
    assert "aws.allowedBuckets" in message
    assert "payroll-of-all" not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    here.index(bucket, "exposed", {"ingress": {"host": "login.bank.test"}})
    message = here.wait_for("packageindex", "exposed", "Exposed", "HostNotAllowed")
    assert "external.allowedHosts" in message
    assert here.kubectl.get("-n", here.namespace, "ingresses")["items"] == []


def test_an_endpoint_that_is_not_allowed_is_not_connected_to(here: Here, bucket: str) -> None:
    here.secret("keys", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    here.index(bucket, endpoint="http://169.254.169.254", credentials={"secretRef": {"name": "keys"}})
    message = here.wait_for("packageindex", "main", "StorageReady", "EndpointNotAllowed")
    assert "allowedEndpoints" in message


def test_an_index_that_does_not_exist_and_then_does(here: Here, bucket: str) -> None:
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
    message = here.wait_for("indexuser", "ci", "Ready", "IndexNotFound")
    assert "main" in message
    here.index(bucket)
    here.wait_for("indexuser", "ci", "Ready", "LoginInForce")


def test_a_foreign_secret_is_not_touched(here: Here, bucket: str) -> None:
    here.secret("ci-pypi", password="mine")
    here.index(bucket)
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
    assert "ci-pypi" in here.wait_for("indexuser", "ci", "Ready", "SecretNotOwned")
    assert here.kubectl.secret(here.namespace, "ci-pypi") == {"password": "mine"}


def quota(here: Here, pods: str) -> None:
    metadata = {"name": "pods", "namespace": here.namespace}
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {"pods": pods}}}
    here.kubectl("apply", "-f", "-", stdin=json.dumps(body))


def test_pods_that_a_quota_refuses_and_then_does_not(here: Here, bucket: str) -> None:
    quota(here, "0")
    here.index(bucket)
    message = here.wait_for("packageindex", "main", "Available", "PodsRefused")
    assert "exceeded quota: pods" in message
    assert here.condition("packageindex", "main", "Stalled")[:2] == ("True", "PodsRefused")
    quota(here, "10")
    # The controller of ReplicaSets tries again after a minute or more; a new pod template makes it
    # do so at once.
    here.kubectl("-n", here.namespace, "delete", "replicaset", "--all")
    here.wait_for("packageindex", "main", "Ready", "Serving")


def test_a_paused_rollout_is_a_condition(here: Here, bucket: str) -> None:
    here.index(bucket)
    here.wait_for("packageindex", "main", "Ready", "Serving")
    rollout = ("-n", here.namespace, "rollout")
    here.kubectl(*rollout, "pause", "deployment/wheelyard-main")
    here.index(bucket, spec={"freshness": {"fresh": "7s"}})
    message = here.wait_for("packageindex", "main", "Stalled", "RolloutPaused")
    assert "kubectl rollout resume deployment wheelyard-main" in message
    assert here.condition("packageindex", "main", "Available")[0] == "True"
    here.kubectl(*rollout, "resume", "deployment/wheelyard-main")
    here.wait_for("packageindex", "main", "Ready", "Serving")


def test_what_was_provisioned_reaches_its_own_bucket_alone_and_goes_with_the_index(
    here: Here, bucket: str, s3: S3Client, iam: IAMClient, cluster: Cluster
) -> None:
    here.index(bucket, prefix="team/", provision={"bucket": True, "user": True})
    here.wait_for("packageindex", "main", "Ready", "Serving")
    keys = here.kubectl.secret(here.namespace, "wheelyard-main-storage")
    user = boto3.client(
        "s3",
        endpoint_url=cluster.s3.endpoint,
        region_name=cluster.s3.region,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    assert user.get_object(Bucket=bucket, Key="team/wheelyard.json")["ResponseMetadata"]["HTTPStatusCode"] == 200
    for key in ("team2/x", "x"):
        with pytest.raises(ClientError, match="AccessDenied"):
            user.put_object(Bucket=bucket, Key=key, Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        user.list_objects_v2(Bucket="wheelyard-quickstart")
    with pytest.raises(ClientError, match="AccessDenied"):
        user.create_bucket(Bucket=f"{bucket}-more")
    mine = user_names(iam, here.namespace)
    assert len(mine) == 1
    here.kubectl("-n", here.namespace, "delete", "packageindex", "main", "--timeout=60s")
    assert user_names(iam, here.namespace) == []
    assert s3.get_object(Bucket=bucket, Key="team/wheelyard.json")["ContentLength"] > 0


def test_changed_or_deleted_children_are_restored(here: Here, bucket: str) -> None:
    here.index(bucket)
    here.wait_for("packageindex", "main", "Ready", "Serving")
    mine = ("-n", here.namespace)
    here.kubectl(*mine, "delete", "service,configmap", "wheelyard-main")
    here.kubectl(*mine, "set", "image", "deployment/wheelyard-main", "*=broken:1")
    eventually(lambda: here.kubectl(*mine, "get", "service,configmap", "wheelyard-main"), "they are back")

    def image() -> str:
        deployment = here.kubectl.get(*mine, "deployment", "wheelyard-main")
        name: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        return name

    eventually(lambda: image() != "broken:1", "the image is ours again")
    here.wait_for("packageindex", "main", "Ready", "Serving")


def test_a_role_that_the_cluster_does_not_provide_is_not_checked(here: Here, operator: MainJob) -> None:
    example = operator.manifest("aws-roles.yaml").replace("namespace: packages", f"namespace: {here.namespace}")
    here.kubectl("apply", "-f", "-", stdin=example)
    for name in ("irsa", "pod-identity"):
        said = here.wait_for("packageindex", name, "CredentialsReady", "NotChecked")
        assert f"ServiceAccount wheelyard-{name}" in said


def test_at_rest_nothing_is_written(resting: Resting) -> None:
    time.sleep(max(0.0, resting.since + QUIET_SECONDS - time.monotonic()))
    assert resting.versions() == resting.before
