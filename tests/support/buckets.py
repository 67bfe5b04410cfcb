"""What tests do to buckets by hand."""

import contextlib
from datetime import UTC, datetime

import msgspec
from mypy_boto3_s3 import S3Client

from wheelyard_server.catalog.write_safety import Verdict
from wheelyard_server.storage import Server, layout

VERSITYGW = "VERSITYGW"
"""The product that it reports."""


def remember_as_safe(s3: S3Client, bucket: str, prefix: str, endpoint: str) -> None:
    """Spare a server the proof that this versitygw is safe: thousands of requests for each new bucket."""
    verdict = Verdict(endpoint=endpoint, product=VERSITYGW, checked=datetime.now(UTC))
    key = layout.verdict(Server(endpoint, VERSITYGW), is_safe=True)
    s3.put_object(Bucket=bucket, Key=f"{prefix}{key}", Body=msgspec.json.encode(verdict))


def is_empty(s3: S3Client, bucket: str) -> bool:
    """Return whether the server lists no version and no marker of deletion."""
    try:
        found = s3.list_object_versions(Bucket=bucket, MaxKeys=1)
    except s3.exceptions.NoSuchBucket:
        return True
    return not found.get("Versions") and not found.get("DeleteMarkers")


def empty(s3: S3Client, bucket: str, prefix: str = "") -> None:
    """Remove everything below a prefix from a bucket, if there is one: every version, and the markers of deletion.

    versitygw 1.8 takes a marker for an object when it is asked to create only what does not exist.
    """
    with contextlib.suppress(s3.exceptions.NoSuchBucket):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
