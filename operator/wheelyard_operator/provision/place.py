"""Whose a place in a bucket is, and whether an index can live there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from wheelyard_operator.problems import STORAGE_READY, Problem
from wheelyard_operator.provision.errors import OPERATOR_CREDENTIALS, error_code, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from wheelyard_operator.resource import PackageIndex, S3Storage

MARKER = "wheelyard.json"
PROBE = "catalog/probe/operator"
_CONDITION_FAILED = {"PreconditionFailed", "412", "ConditionalRequestConflict"}


def check_storage(s3: S3Client, index: PackageIndex, storage: S3Storage, credentials: str) -> None:
    """Raise Problem unless these credentials reach the bucket, and no other index lives at the prefix.

    As long as the index has not claimed it either, the server is tried out. It asks for nothing that a policy for
    this prefix alone would refuse (HeadBucket would be).
    """
    marker = _read_marker(s3, storage, credentials)
    if marker is not None and _is_own(index, storage, marker):
        return
    if storage.provision_user:
        _check_nothing_is_unlocked(s3, storage, credentials, is_copy=marker is not None)
    check_conditional_writes(s3, storage, credentials)


def check_owner(s3: S3Client, index: PackageIndex, storage: S3Storage) -> None:
    """Raise Problem if another index has claimed the place."""
    marker = _read_marker(s3, storage, OPERATOR_CREDENTIALS)
    if marker is not None:
        _is_own(index, storage, marker)


def _check_nothing_is_unlocked(s3: S3Client, storage: S3Storage, credentials: str, *, is_copy: bool) -> None:
    """Raise Problem where a key for this place would reach what is not this index's.

    The operator's rights unlock it, not those of whoever made the resource: only an empty place is given away, or a
    copy that nobody has claimed, which is there to be claimed.
    """
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


def _read_marker(s3: S3Client, storage: S3Storage, credentials: str) -> bytes | None:
    bucket, prefix = storage.bucket, storage.prefix
    with translated(STORAGE_READY, f"Bucket {bucket}", credentials):
        if not _exists_at(s3, bucket, prefix):
            return None
        return s3.get_object(Bucket=bucket, Key=f"{prefix}{MARKER}")["Body"].read(65536)


def _is_own(index: PackageIndex, storage: S3Storage, marker: bytes) -> bool:
    """Whether the index has claimed the storage; raise Problem if another one has."""
    place = f"{storage.bucket}/{storage.prefix}"
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


def check_conditional_writes(s3: S3Client, storage: S3Storage, credentials: str) -> None:
    """Raise Problem if the server ignores conditional writes, on which all of an index's consistency rests.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html. The index servers try it with a
    crowd when they start; this says it where the one who chose the server looks.
    """
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
