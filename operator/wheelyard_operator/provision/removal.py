"""Deletes a bucket that was created for exactly this index and holds only its objects."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from wheelyard_operator.condition_types import STORAGE_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.bucket import NOT_SUPPORTED, made_for
from wheelyard_operator.provision.bucket_ownership import FOUND_OUT, MARKER, PROBE, Owner, owner_of
from wheelyard_operator.provision.errors import OPERATOR_CREDENTIALS, error_code, translated
from wheelyard_operator.resource import PackageIndex, S3Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OURS = (
    "projects/",
    "files/",
    "mirrored/",
    "advisories/",
    "policy/",
    "fetches/",
    "catalog/",
    "spent/",
    "conditional-writes/",
)
"""The prefixes of docs/contract.md#the-layout-of-a-storage."""
_OTHER_CHECKSUMS = {"MissingContentMD5", "InvalidDigest", "BadDigest"}
_SECONDS = 20.0
"""For one call: a large index takes several, so that other indexes are not delayed."""


def remove_bucket(
    s3: "S3Client", index: PackageIndex, storage: S3Storage, clock: Callable[[], float] = time.monotonic
) -> None:
    """Delete everything and the bucket itself.

    Raise Problem, also if it takes longer: then call again.
    """
    bucket, until = storage.bucket, clock() + _SECONDS
    with translated(STORAGE_READY, f"Bucket {bucket}", OPERATOR_CREDENTIALS):
        if not _exists(s3, bucket):
            return
        _check_ours(s3, index, storage)
        for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        for versions in _versions(s3, bucket):
            # The marker goes last: it proves that all of this may be removed.
            if batch := [each for each in versions if each["Key"] != f"{storage.prefix}{MARKER}"]:
                _delete(s3, bucket, batch)
            if clock() > until:
                message = f"Bucket {bucket} is being emptied."
                raise Problem(STORAGE_READY, "EmptyingBucket", message, stalled=False)
        for versions in _versions(s3, bucket):
            _delete(s3, bucket, versions)
        s3.delete_bucket(Bucket=bucket)


def _delete(s3: "S3Client", bucket: str, versions: list[dict[str, Any]]) -> None:
    """Delete versions, one by one if the server does not accept this DeleteObjects."""
    try:
        s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})  # type: ignore[typeddict-item]
    except ClientError as error:
        if error_code(error) not in {*NOT_SUPPORTED, *_OTHER_CHECKSUMS}:
            raise
        for each in versions:
            s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])


def _check_ours(s3: "S3Client", index: PackageIndex, storage: S3Storage) -> None:
    if not made_for(s3, index, storage.bucket):
        raise _refusal(storage, "it was not made for this index")
    # Without its own marker, an index has stored nothing: these objects belong to others.
    has_stored = owner_of(s3, index, storage, OPERATOR_CREDENTIALS) is Owner.SELF
    for page in _versions(s3, storage.bucket):
        for key in (str(each["Key"]) for each in page):
            if not key.startswith(storage.prefix):
                raise _refusal(storage, f"it holds objects outside {storage.prefix}, or older versions of them")
            if not _is_ours(key.removeprefix(storage.prefix), has_stored=has_stored):
                raise _refusal(storage, f"it holds {key}, or an older version of it, which is not this index's")


def _is_ours(key: str, *, has_stored: bool) -> bool:
    return key in {MARKER, PROBE} or key.startswith(FOUND_OUT) or (has_stored and key.startswith(OURS))


def _refusal(storage: S3Storage, why: str) -> Problem:
    return Problem(
        STORAGE_READY,
        "BucketNotDeletable",
        f"Bucket {storage.bucket} is not deleted: {why}. Remove that, or set spec.deletionPolicy to Retain to keep"
        " the bucket and delete only the index.",
    )


def _versions(s3: "S3Client", bucket: str) -> Iterator[list[dict[str, Any]]]:
    """Yield all versions and delete markers, at most 1,000 at a time."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if found:
            yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]


def _exists(s3: "S3Client", bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error_code(error) in {"404", "NoSuchBucket", "NotFound"}:
            return False
        raise
    return True
