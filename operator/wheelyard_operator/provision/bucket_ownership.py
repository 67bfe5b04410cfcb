"""Checks which index owns a location in a bucket, and whether an index can use it."""

import json
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from wheelyard_operator.condition_types import STORAGE_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.errors import error_code, translated
from wheelyard_operator.resource import PackageIndex, S3Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MARKER = "wheelyard.json"
PROBE = "catalog/probe/operator"
FOUND_OUT = "conditional-writes/"
"""Results of the proofs of conditional writes: data of no index (docs/contract.md)."""
_CONDITION_FAILED = {"PreconditionFailed", "412", "ConditionalRequestConflict"}
_MAX_OWN_OBJECTS = 20
"""The operator's own objects in an empty location: a longer listing is not complete."""
_MAX_MARKER_BYTES = 65536
_FIRST_FORMAT = 1
"""Every server reads it (docs/contract.md)."""


class Owner(Enum):
    """The owner that the marker of a location names."""

    SELF = auto()
    NOBODY = auto()
    """The marker names no index: a copy, or the storage of a standalone server."""
    UNMARKED = auto()
    """There is no marker."""


def check_storage(
    s3: "S3Client", index: PackageIndex, storage: S3Storage, credentials: str, is_granted: Callable[[], bool]
) -> None:
    """Raise Problem unless these credentials reach the bucket, and the location may be used.

    `is_granted` returns whether the index's own user already has rights to exactly this location.
    Until the index has claimed the location, the server's conditional writes are tested. With
    `provision.user` the operator claims the location before it creates a key. A policy for this
    prefix alone allows each of these requests (it does not allow HeadBucket).
    """
    owner = owner_of(s3, index, storage, credentials)
    if owner is Owner.SELF:
        return
    is_new = storage.provision_user and not is_granted()
    if is_new:
        _check_consent(s3, index, storage, credentials, owner)
    check_conditional_writes(s3, storage, credentials)
    if storage.provision_user and owner is Owner.UNMARKED:
        _claim(s3, index, storage, credentials)
    if is_new and owner is Owner.UNMARKED:
        _withdraw_from_others(s3, storage, credentials)


def owner_of(s3: "S3Client", index: PackageIndex, storage: S3Storage, credentials: str) -> Owner:
    """Return the owner; raise Problem, which does not name the owner, if it is another index."""
    marker = _read_marker(s3, storage, credentials)
    if marker is None:
        return Owner.UNMARKED
    try:
        owner = json.loads(marker)["index"]
    except (ValueError, KeyError, TypeError):
        message = f"{_location(storage)}{MARKER} was not written by Wheelyard: use another bucket or prefix."
        raise Problem(STORAGE_READY, "StorageInUse", message) from None
    if owner is None:
        return Owner.NOBODY
    if owner != index.id:
        raise _in_use(index, storage)
    return Owner.SELF


def _check_consent(s3: "S3Client", index: PackageIndex, storage: S3Storage, credentials: str, owner: Owner) -> None:
    """Raise Problem if a key for this location would unlock data that was not given to this index.

    The key comes from the operator's rights, not from the tenant's: a marker that names no index is
    no consent.
    """
    if owner is Owner.NOBODY:
        raise Problem(
            STORAGE_READY,
            "StorageNotAssigned",
            f"{_location(storage)} holds packages that are not assigned to this index. Their owner can run"
            f" `{_assign(index, storage)}`. Or give the index credentials of its own (credentials.secretRef).",
        )
    _check_empty(s3, storage, credentials)


def _check_empty(s3: "S3Client", storage: S3Storage, credentials: str) -> None:
    """Raise Problem if the location holds objects of others, or is inside that of an index."""
    with translated(STORAGE_READY, f"Bucket {storage.bucket}", credentials):
        found = s3.list_objects_v2(Bucket=storage.bucket, Prefix=storage.prefix, MaxKeys=_MAX_OWN_OBJECTS + 1)
        keys = [each["Key"].removeprefix(storage.prefix) for each in found.get("Contents", ())]
        foreign = len(keys) > _MAX_OWN_OBJECTS or not all(map(_is_ours, keys))
        if foreign or any(
            _exists_at(s3, storage.bucket, location) for location in _locations_above(storage.prefix)
        ):
            raise Problem(
                STORAGE_READY,
                "StorageNotEmpty",
                f"{_location(storage)}, or a location that contains it, holds data that does not belong to this"
                " index, and a key for it would unlock that data. Use an empty bucket or prefix, or give the index"
                " credentials of its own (credentials.secretRef).",
            )


def _claim(s3: "S3Client", index: PackageIndex, storage: S3Storage, credentials: str) -> None:
    """Mark a location as this index's with a conditional write.

    Raise Problem if another index is faster.
    """
    marker = json.dumps({"format": _FIRST_FORMAT, "index": index.id}).encode()
    with translated(STORAGE_READY, f"Bucket {storage.bucket}", credentials):
        try:
            s3.put_object(Bucket=storage.bucket, Key=f"{storage.prefix}{MARKER}", Body=marker, IfNoneMatch="*")
        except ClientError as error:
            if error_code(error) not in _CONDITION_FAILED:
                raise
            raise _in_use(index, storage) from error


def _withdraw_from_others(s3: "S3Client", storage: S3Storage, credentials: str) -> None:
    """Withdraw a claim, and raise Problem, if another index claimed a location inside or around.

    If two locations overlap and are claimed at the same time, at least one index sees the other's
    claim, and retries.
    """
    try:
        _check_empty(s3, storage, credentials)
    except Problem:
        with translated(STORAGE_READY, f"Bucket {storage.bucket}", credentials):
            s3.delete_object(Bucket=storage.bucket, Key=f"{storage.prefix}{MARKER}")
        raise


def _is_ours(key: str) -> bool:
    return key in {MARKER, PROBE} or key.startswith(FOUND_OUT)


def _in_use(index: PackageIndex, storage: S3Storage) -> Problem:
    return Problem(
        STORAGE_READY,
        "StorageInUse",
        f"{_location(storage)} belongs to another index: use another bucket or prefix. To let this index take over,"
        f" the owner of the packages can run `{_assign(index, storage)} --from NAMESPACE/NAME` with that index.",
    )


def _assign(index: PackageIndex, storage: S3Storage) -> str:
    return f"wheelyard assign s3://{_location(storage)} --to {index.id}"


def _location(storage: S3Storage) -> str:
    return f"{storage.bucket}/{storage.prefix}"


def _locations_above(prefix: str) -> list[str]:
    parts = prefix.split("/")[:-1]
    return ["".join(f"{part}/" for part in parts[:count]) for count in range(len(parts))]


def _exists_at(s3: "S3Client", bucket: str, location: str) -> bool:
    key = f"{location}{MARKER}"
    found = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
    return any(each.get("Key") == key for each in found)


def _read_marker(s3: "S3Client", storage: S3Storage, credentials: str) -> bytes | None:
    bucket, prefix = storage.bucket, storage.prefix
    with translated(STORAGE_READY, f"Bucket {bucket}", credentials):
        if not _exists_at(s3, bucket, prefix):
            return None
        return s3.get_object(Bucket=bucket, Key=f"{prefix}{MARKER}")["Body"].read(_MAX_MARKER_BYTES)


def check_conditional_writes(s3: "S3Client", storage: S3Storage, credentials: str) -> None:
    """Raise Problem if the server ignores conditional writes: all consistency rests on them.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html. Index servers
    test it with many writers when they start. This test shows the result in the conditions, where
    the owner of the index looks.
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
        f"The S3 server of bucket {storage.bucket} ignores conditional writes (If-None-Match): of two"
        " uploads at the same time, one could be lost. Upgrade it, or use another one.",
    )
