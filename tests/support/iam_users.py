"""The users of an IAM that many tests share."""

from mypy_boto3_iam import IAMClient


def user_names(iam: IAMClient, part: str) -> list[str]:
    """Return the names of all users that have this in their name; one answer lists only the first hundred."""
    pages = iam.get_paginator("list_users").paginate()
    return [each["UserName"] for page in pages for each in page["Users"] if part in each["UserName"]]
