"""What tests do to buckets by hand."""

import contextlib

from mypy_boto3_s3 import S3Client


def empty(s3: S3Client, bucket: str, prefix: str = "") -> None:
    """Remove everything below a prefix from a bucket, if there is one: every version, and the markers of deletion.

    versitygw 1.8 takes a marker for an object when it is asked to create only what does not exist.
    """
    with contextlib.suppress(s3.exceptions.NoSuchBucket):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                s3.delete_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])
