from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from unit.wheelyard_operator.fakes import an_index
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.bucket import ensure_bucket, made_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

INDEX = an_index(s3__prefix="team/", created="2020-01-01T00:00:00Z")


def test_an_absent_bucket_is_made_and_set_up(s3: "S3Client") -> None:
    assert ensure_bucket(s3, INDEX, "acme", "us-east-1") == ""
    assert s3.get_bucket_versioning(Bucket="acme")["Status"] == "Enabled"
    assert s3.get_public_access_block(Bucket="acme")["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    assert s3.get_bucket_encryption(Bucket="acme")
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket="acme")["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    tags = {each["Key"]: each["Value"] for each in s3.get_bucket_tagging(Bucket="acme")["TagSet"]}
    assert tags["wheelyard.dev/index"] == "packages/main"


def test_another_region_is_named(s3: "S3Client") -> None:
    ensure_bucket(s3, INDEX, "acme", "eu-west-1")
    assert s3.get_bucket_location(Bucket="acme")["LocationConstraint"] == "eu-west-1"


def test_an_existing_bucket_is_used_and_not_changed(s3: "S3Client") -> None:
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key="mine", Body=b"")
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    assert not made_for(s3, INDEX, "acme")
    assert "Status" not in s3.get_bucket_versioning(Bucket="acme")


def test_setting_up_goes_on_after_a_crash(s3: "S3Client") -> None:
    s3.create_bucket(Bucket="acme")
    tags = [
        {"Key": "wheelyard.dev/index", "Value": "packages/main"},
        {"Key": "wheelyard.dev/state", "Value": "new"},
    ]
    s3.put_bucket_tagging(Bucket="acme", Tagging={"TagSet": tags})  # type: ignore[typeddict-item]
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    assert s3.get_bucket_versioning(Bucket="acme")["Status"] == "Enabled"


def test_a_bucket_that_is_set_up_is_only_read(s3: "S3Client") -> None:
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    calls: list[str] = []
    s3.meta.events.register("before-call.s3", lambda model, **_: calls.append(model.name))
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    assert calls == ["HeadBucket", "GetBucketTagging"]


def test_what_the_server_lacks_is_a_note_and_stays_one(s3: "S3Client") -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "NotImplemented"}}, "PutBucketEncryption")

    s3.meta.events.register("before-call.s3.PutBucketEncryption", refuse)
    for _ in range(2):
        assert ensure_bucket(s3, INDEX, "acme", "us-east-1") == "The S3 server lacks: encryption."


@pytest.mark.parametrize(("call", "code"), [("HeadBucket", "403"), ("CreateBucket", "BucketAlreadyExists")])
def test_a_bucket_of_another_account_is_a_condition(s3: "S3Client", call: str, code: str) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code}}, call)

    s3.meta.events.register(f"before-call.s3.{call}", refuse)
    with pytest.raises(Problem, match="acme") as caught:
        ensure_bucket(s3, INDEX, "acme", "us-east-1")
    assert caught.value.reason == "BucketTaken"


def test_killed_before_there_was_a_tag(s3: "S3Client") -> None:
    """Younger than its index, empty, and without tags: the operator has created it."""
    s3.create_bucket(Bucket="acme")
    ensure_bucket(s3, an_index(created="2099-01-01T00:00:00Z"), "acme", "us-east-1")
    assert "Status" not in s3.get_bucket_versioning(Bucket="acme"), "it was there before the index"
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    assert s3.get_bucket_versioning(Bucket="acme")["Status"] == "Enabled"
    assert made_for(s3, INDEX, "acme")
    assert not made_for(s3, an_index(uid="of-a-later-one"), "acme")


def test_a_server_that_does_not_list_buckets(s3: "S3Client") -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListBuckets")

    s3.create_bucket(Bucket="acme")
    s3.meta.events.register("before-call.s3.ListBuckets", refuse)
    ensure_bucket(s3, INDEX, "acme", "us-east-1")
    assert not made_for(s3, INDEX, "acme")


def test_unreadable_bucket_tags_are_not_taken_for_missing_tags(s3: "S3Client") -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetBucketTagging")

    s3.create_bucket(Bucket="acme")
    s3.meta.events.register("before-call.s3.GetBucketTagging", refuse)
    assert ensure_bucket(s3, INDEX, "acme", "us-east-1") == ""
    assert not made_for(s3, INDEX, "acme")
    assert "Status" not in s3.get_bucket_versioning(Bucket="acme")
