"""The bucket of an index: looked at, and made where the index asks for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from wheelyard_operator.problems import STORAGE_READY, Problem
from wheelyard_operator.provision.errors import error_code, translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

    from wheelyard_operator.resource import PackageIndex

MARKER = "wheelyard.json"
PROBE = "catalog/probe/operator"
OPERATOR_CREDENTIALS = "The operator's own AWS credentials"
_OWNER_TAG = "wheelyard.dev/index"
_STATE_TAG = "wheelyard.dev/state"
_LACKS_TAG = "wheelyard.dev/lacks"
_NOT_THERE = {
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
"""The ways in which servers that are not AWS say that they have no such thing."""
_CONDITION_FAILED = {"PreconditionFailed", "412", "ConditionalRequestConflict"}


def check_storage(s3: S3Client, index: PackageIndex, credentials: str) -> None:
    """Raise Problem unless these credentials reach the bucket, and no other index lives at the prefix.

    As long as the index has not claimed it either, the server is tried out. It asks for nothing that a policy for
    this prefix alone would refuse (HeadBucket would be).
    """
    marker = _read_marker(s3, index, credentials)
    if marker is not None and _is_own(index, marker):
        return
    if index.storage.provision_user:
        _check_nothing_is_unlocked(s3, index, credentials, is_copy=marker is not None)
    check_conditional_writes(s3, index, credentials)


def _check_nothing_is_unlocked(s3: S3Client, index: PackageIndex, credentials: str, *, is_copy: bool) -> None:
    """Raise Problem where a key for this place would reach what is not this index's.

    The operator's rights unlock it, not those of whoever made the resource: only an empty place is given away, or a
    copy that nobody has claimed, which is there to be claimed.
    """
    storage = index.storage
    with translated(STORAGE_READY, f"Bucket {storage.bucket}", credentials):
        found = s3.list_objects_v2(Bucket=storage.bucket, Prefix=storage.prefix, MaxKeys=2).get("Contents", ())
        foreign = [each for each in found if each.get("Key") != f"{storage.prefix}{PROBE}"]
        above = [place for place in _places_above(storage.prefix) if _exists_at(s3, storage.bucket, place)]
    if above or (foreign and not is_copy):
        place = f"{storage.bucket}/{above[0] if above else storage.prefix}"
        raise Problem(
            STORAGE_READY,
            "StorageNotEmpty",
            f"{place} holds what is not this index's, and a key for it would unlock that: use an empty bucket or"
            " prefix, or give the index credentials of its own (credentials.secretRef).",
        )


def _places_above(prefix: str) -> list[str]:
    parts = prefix.split("/")[:-1]
    return ["".join(f"{part}/" for part in parts[:count]) for count in range(len(parts))]


def _exists_at(s3: S3Client, bucket: str, place: str) -> bool:
    key = f"{place}{MARKER}"
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
    return any(each.get("Key") == key for each in found)


def _read_marker(s3: S3Client, index: PackageIndex, credentials: str) -> bytes | None:
    bucket, prefix = index.storage.bucket, index.storage.prefix
    with translated(STORAGE_READY, f"Bucket {bucket}", credentials):
        if not _exists_at(s3, bucket, prefix):
            return None
        return s3.get_object(Bucket=bucket, Key=f"{prefix}{MARKER}")["Body"].read(65536)


def _is_own(index: PackageIndex, marker: bytes) -> bool:
    """Whether the index has claimed the storage; raise Problem if another one has."""
    place = f"{index.storage.bucket}/{index.storage.prefix}"
    try:
        owner = json.loads(marker)["index"]
    except (ValueError, KeyError, TypeError):
        raise Problem(
            STORAGE_READY,
            "StorageInUse",
            f"{place}{MARKER} is not Wheelyard's: use another bucket or prefix.",
        ) from None
    # Nobody's: a copy by `wheelyard copy`, or what a server on a laptop began.
    if owner is not None and owner != index.id:
        raise Problem(
            STORAGE_READY,
            "StorageInUse",
            f"{place} holds the packages of index {owner}: use another bucket or prefix. If that index is"
            f" gone for good and this one shall take over, delete {place}{MARKER}.",
        )
    return owner is not None


def check_conditional_writes(s3: S3Client, index: PackageIndex, credentials: str) -> None:
    """Raise Problem if the server ignores conditional writes, on which all of an index's consistency rests.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html. The index servers try it with a
    crowd when they start; this says it where the one who chose the server looks.
    """
    storage = index.storage
    key = f"{storage.prefix}{PROBE}"
    with translated(STORAGE_READY, f"Bucket {storage.bucket}", credentials):
        s3.put_object(Bucket=storage.bucket, Key=key, Body=b"one")
        try:
            s3.put_object(Bucket=storage.bucket, Key=key, Body=b"two", IfNoneMatch="*")
        except ClientError as error:
            if error_code(error) not in _CONDITION_FAILED:
                raise
            return
        finally:
            s3.delete_object(Bucket=storage.bucket, Key=key)
    raise Problem(
        STORAGE_READY,
        "ConditionalWritesUnsafe",
        f"The S3 server of bucket {storage.bucket} ignores conditional writes (If-None-Match): two uploads at once"
        " could lose one. Upgrade it, or use another one.",
    )


def ensure_bucket(s3: S3Client, index: PackageIndex, region: str) -> str:
    """Make the bucket if it is absent; give a note on what the server lacks, or "".

    How far setting up has come stands in the bucket's tags, so that it goes on after a crash.
    A bucket that was there before is used as it is, and not changed.
    """
    bucket = index.storage.bucket
    with translated(STORAGE_READY, f"Bucket {bucket}", OPERATOR_CREDENTIALS):
        created = not _exists(s3, bucket) and _create(s3, bucket, region)
        tags = _tags(s3, bucket)
        mine = {_OWNER_TAG: index.id}
        if created or (tags.get(_OWNER_TAG) == mine[_OWNER_TAG] and tags.get(_STATE_TAG) != "ready"):
            _tag(s3, bucket, {**mine, _STATE_TAG: "new"})
            lacks = _configure(s3, bucket)
            tags = {**mine, _STATE_TAG: "ready", **({_LACKS_TAG: " ".join(lacks)} if lacks else {})}
            _tag(s3, bucket, tags)
    lacking = tags.get(_LACKS_TAG, "").split()
    return f"The S3 server lacks: {', '.join(lacking)}." if lacking else ""


def _exists(s3: S3Client, bucket: str) -> bool:
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


def _create(s3: S3Client, bucket: str, region: str) -> bool:
    """Whether it was this call that made the bucket."""
    try:
        if region == "us-east-1":  # the one region that must not be named
            s3.create_bucket(Bucket=bucket)
        else:
            place = {"LocationConstraint": region}
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)  # type: ignore[arg-type]
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
        f"Bucket {bucket} exists and is not the operator's to use: bucket names are shared by all accounts."
        " Choose another name, or give the operator's credentials access to it.",
    )


def _configure(s3: S3Client, bucket: str) -> list[str]:
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
    return [name for name, step in steps.items() if not _has(step)]


def _put_lifecycle(s3: S3Client, bucket: str) -> None:
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


def _has(step: Callable[[], object]) -> bool:
    try:
        step()
    except ClientError as error:
        if error_code(error) not in _NOT_THERE:
            raise
        return False
    return True


def _tags(s3: S3Client, bucket: str) -> dict[str, str]:
    try:
        found = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        # An existing bucket may be one whose tags the operator must not read: then it is not its own.
        if error_code(error) in {"NoSuchTagSet", "AccessDenied", *_NOT_THERE}:
            return {}
        raise
    return {each["Key"]: each["Value"] for each in found}


def _tag(s3: S3Client, bucket: str, tags: dict[str, str]) -> None:
    tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
    _has(lambda: s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set}))  # type: ignore[typeddict-item]
