import itertools
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from unit.wheelyard_operator.fakes import an_index, s3_of
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.bucket import ensure_bucket
from wheelyard_operator.provision.removal import remove_bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

INDEX = an_index(deletion_policy="Delete")
STORAGE = s3_of(INDEX)


def put(s3: "S3Client", *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket="acme", Key=key, Body=b'{"index": "packages/main"}')


def buckets(s3: "S3Client") -> list[str]:
    return [each["Name"] for each in s3.list_buckets()["Buckets"]]


def test_a_bucket_is_deleted_with_all_object_versions(s3: "S3Client") -> None:
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    put(s3, "wheelyard.json", "projects/a.json", "projects/a.json", "files/a/1/a.whl", "spent/2026-01-01/x")
    s3.delete_object(Bucket="acme", Key="files/a/1/a.whl")
    s3.create_multipart_upload(Bucket="acme", Key="files/a/2/b.whl")
    remove_bucket(s3, INDEX, STORAGE)
    assert buckets(s3) == []
    remove_bucket(s3, INDEX, STORAGE)


@pytest.mark.parametrize("key", ["mine", "team/projects/a.json", "projectsa.json"])
def test_foreign_objects_prevent_deletion(s3: "S3Client", key: str) -> None:
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    put(s3, "wheelyard.json", "projects/a.json", key)
    with pytest.raises(Problem, match=rf"it holds {key}.*Retain") as caught:
        remove_bucket(s3, INDEX, STORAGE)
    assert caught.value.stalled
    assert "Contents" in s3.list_objects_v2(Bucket="acme", Prefix="projects/a.json"), "nothing was removed"


def test_objects_outside_the_prefix_are_foreign(s3: "S3Client") -> None:
    index = an_index(s3__prefix="team/", deletion_policy="Delete")
    ensure_bucket(s3, index, "acme", "us-east-1")
    put(s3, "team/wheelyard.json", "projects/a.json")
    with pytest.raises(Problem, match="outside team/") as caught:
        remove_bucket(s3, index, s3_of(index))
    assert "projects/a" not in caught.value.message, "it may be another team's"


def test_a_bucket_that_was_not_made_for_this_index(s3: "S3Client") -> None:
    ensure_bucket(s3, an_index(uid="of-an-earlier-one"), "acme", "us-east-1")
    with pytest.raises(Problem, match="not made for this index"):
        remove_bucket(s3, INDEX, STORAGE)
    assert buckets(s3) == ["acme"]


def test_a_location_claimed_by_another_index_is_refused(s3: "S3Client") -> None:
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    s3.put_object(Bucket="acme", Key="wheelyard.json", Body=b'{"index": "other/one"}')
    with pytest.raises(Problem, match="belongs to another index") as caught:
        remove_bucket(s3, INDEX, STORAGE)
    assert "other/one" not in caught.value.message


@pytest.mark.parametrize("marker", [b"", b'{"index": null}'])
def test_without_its_own_marker_an_index_has_stored_nothing_there(s3: "S3Client", marker: bytes) -> None:
    """Somebody has put a backup into a bucket that was made for this index."""
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    put(s3, "projects/a.json")
    if marker:
        s3.put_object(Bucket="acme", Key="wheelyard.json", Body=marker)
    with pytest.raises(Problem, match=r"it holds projects/a\.json"):
        remove_bucket(s3, INDEX, STORAGE)
    assert "Contents" in s3.list_objects_v2(Bucket="acme", Prefix="projects/a.json")


def test_a_bucket_that_was_never_used_is_deleted(s3: "S3Client") -> None:
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    put(s3, "catalog/probe/operator")
    remove_bucket(s3, INDEX, STORAGE)
    assert buckets(s3) == []


def test_a_large_bucket_is_emptied_over_several_runs(s3: "S3Client") -> None:
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    put(s3, "wheelyard.json", *(f"files/a/1/{number}.whl" for number in range(20)))
    ticks = itertools.count(step=30)
    with pytest.raises(Problem, match="being emptied") as caught:
        remove_bucket(s3, INDEX, STORAGE, lambda: float(next(ticks)))
    assert not caught.value.stalled
    assert "Contents" in s3.list_objects_v2(Bucket="acme", Prefix="wheelyard.json"), "it still says whose this is"
    remove_bucket(s3, INDEX, STORAGE)
    assert buckets(s3) == []


@pytest.mark.parametrize("code", ["NotImplemented", "MethodNotAllowed", "MissingContentMD5", "AccessDenied"])
def test_where_there_is_no_delete_objects_versions_go_one_by_one(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": code}}, "DeleteObjects")

    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    put(s3, "wheelyard.json", "projects/a.json", "projects/a.json")
    monkeypatch.setattr(s3, "delete_objects", refuse)
    if code == "AccessDenied":
        with pytest.raises(Problem, match="AccessDenied"):
            remove_bucket(s3, INDEX, STORAGE)
        return
    remove_bucket(s3, INDEX, STORAGE)
    assert buckets(s3) == []
