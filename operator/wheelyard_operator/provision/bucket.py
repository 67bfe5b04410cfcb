"""Creates and configures the bucket of an index that asks for one."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from wheelyard_operator.condition_types import STORAGE_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.errors import OPERATOR_CREDENTIALS, error_code, translated
from wheelyard_operator.resource import PackageIndex
from wheelyard_operator.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_OWNER_TAG = "wheelyard.dev/index"
_UID_TAG = "wheelyard.dev/uid"
_STATE_TAG = "wheelyard.dev/state"
_LACKS_TAG = "wheelyard.dev/lacks"
NOT_SUPPORTED = {
    "NotImplemented",
    "MethodNotAllowed",
    "InvalidArgument",
    "InvalidRequest",
    "MalformedXML",
    "XNotImplemented",
    "NoSuchKMSKey",
    "501",
    "405",
}
"""Errors by which servers other than AWS say that they do not support an operation."""


def ensure_bucket(s3: "S3Client", index: PackageIndex, bucket: str, region: str) -> str:
    """Create the bucket if it does not exist; return a note on unsupported features, or "".

    The progress of the set-up is in the bucket's tags, so that it goes on after a crash. A bucket
    that existed before is used without changing it.
    """
    with translated(STORAGE_READY, f"Bucket {bucket}", OPERATOR_CREDENTIALS):
        created = not _exists(s3, bucket) and _create(s3, bucket, region)
        tags = _tags(s3, bucket)
        if tags is None:
            return ""
        unfinished = tags.get(_OWNER_TAG) == index.id and tags.get(_STATE_TAG) != "ready"
        if created or unfinished or (not tags and _was_just_made(s3, index, bucket)):
            tags = _set_up(s3, index, bucket)
    lacking = tags.get(_LACKS_TAG, "").split()
    return f"The S3 server lacks: {', '.join(lacking)}." if lacking else ""


def made_for(s3: "S3Client", index: PackageIndex, bucket: str) -> bool:
    """Return whether the bucket was created for exactly this index, by uid: names are reused."""
    return (_tags(s3, bucket) or {}).get(_UID_TAG) == index.meta.uid


def _set_up(s3: "S3Client", index: PackageIndex, bucket: str) -> dict[str, str]:
    mine = {_OWNER_TAG: index.id, _UID_TAG: index.meta.uid}
    _tag(s3, bucket, {**mine, _STATE_TAG: "new"})
    lacks = _configure(s3, bucket)
    tags = {**mine, _STATE_TAG: "ready", **({_LACKS_TAG: " ".join(lacks)} if lacks else {})}
    _tag(s3, bucket, tags)
    return tags


def _was_just_made(s3: "S3Client", index: PackageIndex, bucket: str) -> bool:
    """Return whether it was created before a crash: younger than its index, and empty.

    CreateBucket takes no tags. If the server does not return a creation date, the bucket is not
    ours.
    """
    try:
        found = s3.list_buckets(Prefix=bucket).get("Buckets", ())
        made = next((each.get("CreationDate") for each in found if each.get("Name") == bucket), None)
        if made is None or rfc3339(made) < index.meta.created:
            return False
        return not s3.list_objects_v2(Bucket=bucket, MaxKeys=1).get("Contents")
    except ClientError as error:
        if error_code(error) in {"AccessDenied", *NOT_SUPPORTED}:
            return False
        raise


def _exists(s3: "S3Client", bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        match error_code(error):
            case "404" | "NoSuchBucket" | "NotFound":
                return False
            case "403" | "Forbidden" | "AccessDenied":
                raise _taken(bucket) from error
            case _:
                raise
    return True


def _create(s3: "S3Client", bucket: str, region: str) -> bool:
    """Return whether this call created the bucket."""
    try:
        if region == "us-east-1":  # the one region that must not be named
            s3.create_bucket(Bucket=bucket)
        else:
            location = {"LocationConstraint": region}
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)  # type: ignore[arg-type]
    except ClientError as error:
        match error_code(error):
            case "BucketAlreadyOwnedByYou":
                return False
            case "BucketAlreadyExists":
                raise _taken(bucket) from error
            case _:
                raise
    return True


def _taken(bucket: str) -> Problem:
    return Problem(
        STORAGE_READY,
        "BucketTaken",
        f"Bucket {bucket} exists and the operator may not use it: bucket names are shared by all accounts."
        " Choose another name, or give the operator's credentials access to it.",
    )


def _configure(s3: "S3Client", bucket: str) -> list[str]:
    steps: dict[str, Callable[[], object]] = {
        "versioning": lambda: s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
        ),
        "public-access-block": lambda: s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        ),
        "encryption": lambda: s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        ),
        "lifecycle": lambda: _put_lifecycle(s3, bucket),
    }
    return [name for name, step in steps.items() if not _is_supported(step)]


def _put_lifecycle(s3: "S3Client", bucket: str) -> None:
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "wheelyard",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                }
            ]
        },
    )


def _is_supported(step: Callable[[], object]) -> bool:
    try:
        step()
    except ClientError as error:
        if error_code(error) not in NOT_SUPPORTED:
            raise
        return False
    return True


def _tags(s3: "S3Client", bucket: str) -> dict[str, str] | None:
    """Return the tags, {} if there are none or they are not supported, None without permission."""
    try:
        found = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error_code(error) == "AccessDenied":
            # A bucket of someone else, which is not the same as a bucket without tags.
            return None
        if error_code(error) in {"NoSuchTagSet", *NOT_SUPPORTED}:
            return {}
        raise
    return {each["Key"]: each["Value"] for each in found}


def _tag(s3: "S3Client", bucket: str, tags: dict[str, str]) -> None:
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    _is_supported(lambda: s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set}))  # type: ignore[typeddict-item]
