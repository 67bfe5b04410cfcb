"""A deleted index leaves of its bucket or volume exactly what its deletionPolicy says."""

import json
from collections.abc import Iterator

import pytest
from mypy_boto3_s3 import S3Client

from cluster import Cluster
from support import buckets
from support.here import Here
from support.kubectl import eventually
from support.mainjob import MainJob

USES = {"access": {"grants": [{"subjects": ["authenticated"], "verbs": ["read", "publish"]}]}}


def delete_index(here: Here, *options: str) -> None:
    here.kubectl("-n", here.namespace, "delete", "packageindex", "main", *(options or ("--timeout=60s",)))


def publish_something(here: Here) -> None:
    """Publish a package and read it back."""
    here.stop_load()
    result = here.load(10)
    assert result["failures"] == []


def test_deleting_an_index_deletes_its_bucket_but_no_foreign_objects(
    here: Here, bucket: str, s3: S3Client, cluster: Cluster
) -> None:
    here.index(bucket, spec={"deletionPolicy": "Delete", **USES})
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
    here.client_pod(cluster)
    here.wait_for("packageindex", "main", "Ready", "Serving")
    here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
    publish_something(here)
    s3.put_object(Bucket=bucket, Key="somebody-else/s", Body=b"")
    delete_index(here, "--wait=false")
    message = here.wait_for("packageindex", "main", "StorageReady", "BucketNotDeletable")
    assert "somebody-else/s" in message
    assert s3.list_objects_v2(Bucket=bucket, Prefix="wheelyard.json")["KeyCount"] == 1
    s3.delete_object(Bucket=bucket, Key="somebody-else/s")
    # The bucket keeps versions: what was deleted can still be had back, and is still somebody
    # else's.
    assert here.condition("packageindex", "main", "StorageReady")[1] == "BucketNotDeletable"
    buckets.empty(s3, bucket, "somebody-else/")

    def gone() -> bool:
        return not here.kubectl("-n", here.namespace, "get", "packageindex", "--ignore-not-found")

    eventually(gone, "the index is gone")
    assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def test_cascade_orphan_and_a_stray_pod_hang_no_deletion(here: Here, bucket: str) -> None:
    here.index(bucket)
    here.wait_for("packageindex", "main", "Ready", "Serving")
    mine = ("-n", here.namespace)
    server = here.kubectl.get(*mine, "pods", "-l", "wheelyard.dev/index=main")["items"][0]
    stray = {"name": "stray", "namespace": here.namespace, "labels": server["metadata"]["labels"]}
    del stray["labels"]["pod-template-hash"]  # else the ReplicaSet would take it for its own
    spec = {"containers": [{"name": "stray", "image": server["spec"]["containers"][0]["image"]}]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": stray, "spec": spec}
    here.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    delete_index(here, "--cascade=orphan", "--timeout=60s")
    assert here.kubectl(*mine, "get", "deployment", "wheelyard-main", "-o", "name"), "its servers are kept"
    here.kubectl(*mine, "delete", "deployment", "wheelyard-main")


@pytest.fixture
def volume(here: Here, cluster: Cluster) -> Iterator[None]:
    """Have a volume for the claim wheelyard-main, in a folder of a node."""
    folder = {"name": "folder", "hostPath": {"path": f"/var/tmp/{here.namespace}", "type": "DirectoryOrCreate"}}  # noqa: S108
    mounts = [{"name": "folder", "mountPath": "/folder"}]
    # The kubelet gives the folder to root, and to no other user.
    root = {"runAsUser": 0}
    here.client_pod(cluster, volumes=[folder], container={"volumeMounts": mounts, "securityContext": root})
    here.in_client("chmod", "777", "/folder")
    manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": here.namespace},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": here.namespace,
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": folder["hostPath"],
        },
    }
    here.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    yield
    here.kubectl("delete", "persistentvolume", here.namespace, "--wait=false")
    here.in_client("sh", "-c", "rm -rf /folder/*")


@pytest.mark.usefixtures("volume")
def test_on_a_volume_packages_outlive_pods_and_the_index(here: Here) -> None:
    storage = {"volume": {"size": "1Gi", "storageClassName": here.namespace}}
    spec = {"storage": storage, "replicas": 1, **USES}
    here.apply("PackageIndex", "main", spec)
    here.apply("IndexUser", "ci", {"indexRef": {"name": "main"}})
    here.wait_for("packageindex", "main", "Ready", "Serving")
    assert here.condition("packageindex", "main", "StorageReady")[:2] == ("True", "VolumeBound")
    here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
    publish_something(here)

    delete_index(here)
    here.apply("PackageIndex", "main", spec)
    here.wait_for("packageindex", "main", "Ready", "Serving")
    here.wait_for("indexuser", "ci", "Ready", "LoginInForce")
    publish_something(here)
    assert here.in_client("sh", "-c", "find /folder -name 'first-1-*.whl'").strip()

    here.apply("PackageIndex", "main", {**spec, "deletionPolicy": "Delete"})
    here.wait_for("packageindex", "main", "Ready", "Serving")
    delete_index(here)
    found = here.kubectl("-n", here.namespace, "get", "persistentvolumeclaims", "--ignore-not-found")
    assert "wheelyard-main" not in found or "Terminating" in found


def test_the_example_on_a_volume(operator: MainJob) -> None:
    workshop = Here(operator.kubectl, "workshop")
    try:
        operator.apply("volume.yaml")
        operator.wait_until_ready("packageindex", "main", "workshop")
        operator.wait_until_ready("indexuser", "ci", "workshop")
        delete_index(workshop)
        claim = operator.kubectl.get("-n", "workshop", "persistentvolumeclaim", "wheelyard-main")
        assert claim["status"]["phase"] == "Bound", "its deletionPolicy keeps it"
    finally:
        operator.kubectl("delete", "namespace", "workshop", "--wait=false")
