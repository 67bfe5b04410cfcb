"""The IAM policy of an index's user: one bucket, one prefix, nothing else."""

from typing import Any

from wheelyard_operator.resource import S3Storage

_OBJECT_ACTIONS = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
]


def storage_policy(storage: S3Storage, partition: str = "aws") -> dict[str, Any]:
    """Return the policy document. The prefix ends in "/", so `team/` never unlocks `team2/`.

    `partition` is the region's, such as aws-cn:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    bucket = f"arn:{partition}:s3:::{storage.bucket}"
    listing: dict[str, Any] = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket]}
    if storage.prefix:
        listing["Condition"] = {"StringLike": {"s3:prefix": [f"{storage.prefix}*"]}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            listing,
            {"Effect": "Allow", "Action": _OBJECT_ACTIONS, "Resource": [f"{bucket}/{storage.prefix}*"]},
        ],
    }


def resources(policy: Any) -> set[str]:
    """Return the resources to which a policy gives any right.

    No resources for an invalid policy.
    """
    try:
        found = [each["Resource"] for each in policy["Statement"] if each["Effect"] == "Allow"]
        return {name for each in found for name in ([each] if isinstance(each, str) else each)}
    except (KeyError, TypeError):
        return set()
