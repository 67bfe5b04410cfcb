"""The executor alone, on a real client of S3 and a fake IAM. `test_index` has the whole way."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from moto import mock_aws

from unit.wheelyard_operator.fakes import NOW, SETTINGS, FakeKube, index_body, own_credentials, s3_of
from wheelyard_operator.desired.common import encoded
from wheelyard_operator.observe import observe_index
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.clients import Clients
from wheelyard_operator.provision.storage_users import StorageUsers
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.storage_provisioner import StorageProvisioner
from wheelyard_operator.reconcile.storage_target import StorageTarget
from wheelyard_operator.resource import PackageIndex
from wheelyard_operator.settings import Settings

NO_BUCKETS = Settings(image="unused:1")
"""Allows none of the operator's own buckets."""
BUCKET = {"bucket": True}
ROLE: dict[str, Any] = {"serviceAccount": {}}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    with mock_aws():
        yield


class Iam:
    """Knows only whether a user has rights to a location."""

    def __init__(self, *, reaches: bool) -> None:
        self._reaches = reaches

    def reaches(self, *_: object) -> bool:
        return self._reaches


def target(**changes: Any) -> StorageTarget:
    keys = encoded({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    kube = FakeKube({"kind": "Secret", "metadata": {"name": "keys", "namespace": "packages"}, "data": keys})
    index = PackageIndex.parse(index_body(**changes))
    return StorageTarget(observe_index(kube, index), s3_of(index), Children(kube, index.meta))


def provisioner(settings: Settings = SETTINGS, *, reaches: bool = False) -> StorageProvisioner:
    users = cast("StorageUsers", Iam(reaches=reaches))
    return StorageProvisioner(Clients(settings), users, settings, lambda: NOW)


def buckets() -> list[str]:
    return [each["Name"] for each in Clients(SETTINGS).own_s3("us-east-1").list_buckets()["Buckets"]]


def mark(owner: bytes) -> None:
    s3 = Clients(SETTINGS).own_s3("us-east-1")
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key="wheelyard.json", Body=b'{"format": 1, "index": "%s"}' % owner)


def test_a_bucket_is_created_and_its_location_checked() -> None:
    wanted = target(s3__provision=BUCKET, s3__credentials=ROLE)
    ready = provisioner().provide(wanted)
    assert buckets() == ["acme"]
    assert ready.credentials_digest == wanted.credentials_digest
    assert (ready.tolerated, ready.key_issued) == (None, "")


def test_a_location_of_another_index_is_refused_with_the_teams_own_keys() -> None:
    mark(b"else/other")
    with pytest.raises(Problem) as caught:
        provisioner().provide(target(**own_credentials()))
    assert caught.value.reason == "StorageInUse"


def test_a_bucket_that_is_not_allowed_is_not_created() -> None:
    with pytest.raises(Problem) as caught:
        provisioner(NO_BUCKETS).provide(target(s3__provision=BUCKET, s3__credentials=ROLE))
    assert caught.value.reason == "BucketNotAllowed"
    assert buckets() == []


def test_an_index_goes_on_with_a_bucket_that_is_no_longer_allowed() -> None:
    mark(b"packages/main")
    ready = provisioner(NO_BUCKETS).provide(target(s3__provision=BUCKET, s3__credentials=ROLE))
    assert ready.tolerated is not None
    assert ready.tolerated.reason == "BucketNotAllowed"


def test_with_an_iam_user_its_rights_decide_who_goes_on_and_not_the_marker() -> None:
    """Anyone with access to the bucket can write the marker."""
    mark(b"packages/main")
    with pytest.raises(Problem) as caught:
        provisioner(NO_BUCKETS, reaches=False).provide(target(s3__provision={"user": True}))
    assert caught.value.reason == "BucketNotAllowed"


def test_the_region_of_the_operator_stands_in_for_a_missing_one() -> None:
    made = provisioner()
    assert made.region(target().storage) == "us-east-1"
    assert made.region(target(s3__region="eu-west-1").storage) == "eu-west-1"
