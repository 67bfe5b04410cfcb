"""The IAM user of an index: one user, one inline policy, one access key that is written down."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from wheelyard_operator.problems import CREDENTIALS_READY, Problem
from wheelyard_operator.provision.errors import error_code, translated
from wheelyard_operator.provision.policy import storage_policy
from wheelyard_operator.provision.s3 import OPERATOR_CREDENTIALS

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

    from wheelyard_operator.resource import PackageIndex

_PATH = "/wheelyard/"
_POLICY = "wheelyard-storage"
_INDEX_TAG = "wheelyard.dev/index"
_UID_TAG = "wheelyard.dev/uid"
_NAME_LIMIT = 64
_MOST_KEYS = 2
"""AWS allows a user no more."""


@dataclass(frozen=True)
class NewKey:
    """An access key that was just made: its secret can never be read again."""

    key_id: str
    secret: str


def user_name(index: PackageIndex) -> str:
    """Give the IAM user's name; the digest keeps a-b/c and a/b-c apart."""
    digest = hashlib.sha256(index.id.encode()).hexdigest()[:8]
    readable = f"wheelyard-{index.meta.namespace}-{index.meta.name}"
    return f"{readable[: _NAME_LIMIT - len(digest) - 1]}-{digest}"


def ensure_user(iam: IAMClient, index: PackageIndex) -> None:
    """Make the user and its policy what they should be; raise Problem, also if the user is not ours."""
    name = user_name(index)
    with _translated(name):
        user = _get_user(iam, name)
        if user is None:
            _create_user(iam, index, name)
        else:
            _check_owner(index, user)
        wanted = storage_policy(index.storage)
        if _get_policy(iam, name) != wanted:
            iam.put_user_policy(UserName=name, PolicyName=_POLICY, PolicyDocument=json.dumps(wanted))


def ensure_key(iam: IAMClient, index: PackageIndex, recorded: str) -> NewKey | None:
    """Make a key unless the recorded one is alive.

    Keys that are not recorded are left over from a crash between making a key and writing it down,
    or still in use by pods; where there is no room the youngest goes, which no pod has ever seen.
    """
    name = user_name(index)
    with _translated(name):
        keys = _keys(iam, name)
        if recorded in keys:
            return None
        if len(keys) >= _MOST_KEYS:
            iam.delete_access_key(UserName=name, AccessKeyId=keys[-1])
        made = iam.create_access_key(UserName=name)["AccessKey"]
    return NewKey(made["AccessKeyId"], made["SecretAccessKey"])


def retire_keys(iam: IAMClient, index: PackageIndex, recorded: str) -> None:
    """Delete every key but the recorded one; to be called when no pod uses another any more."""
    name = user_name(index)
    with _translated(name):
        keys = _keys(iam, name)
        for key in keys:
            if recorded in keys and key != recorded:
                iam.delete_access_key(UserName=name, AccessKeyId=key)


def remove_user(iam: IAMClient, index: PackageIndex) -> None:
    """Remove keys, policy and user; done again after a crash it goes on. A foreign user stays."""
    name = user_name(index)
    with _translated(name):
        user = _get_user(iam, name)
        if user is None or not _is_ours(index, user):
            return
        for key in _keys(iam, name):
            iam.delete_access_key(UserName=name, AccessKeyId=key)
        if _get_policy(iam, name) is not None:
            iam.delete_user_policy(UserName=name, PolicyName=_POLICY)
        iam.delete_user(UserName=name)


def _translated(name: str) -> Any:
    return translated(CREDENTIALS_READY, f"IAM user {name}", OPERATOR_CREDENTIALS)


def _get_user(iam: IAMClient, name: str) -> dict[str, Any] | None:
    try:
        return dict(iam.get_user(UserName=name)["User"])
    except ClientError as error:
        if error_code(error) == "NoSuchEntity":
            return None
        raise


def _create_user(iam: IAMClient, index: PackageIndex, name: str) -> None:
    tags = [{"Key": _INDEX_TAG, "Value": index.id}, {"Key": _UID_TAG, "Value": index.meta.uid}]
    iam.create_user(UserName=name, Path=_PATH, Tags=tags)  # type: ignore[arg-type]


def _check_owner(index: PackageIndex, user: dict[str, Any]) -> None:
    if not _is_ours(index, user):
        raise Problem(
            CREDENTIALS_READY,
            "IAMUserTaken",
            f"IAM user {user['UserName']} exists and was not made for this index: if it is left over from"
            f" a deleted one, delete it; if another cluster has an index {index.id} in this account,"
            " rename one of the two.",
        )


def _is_ours(index: PackageIndex, user: dict[str, Any]) -> bool:
    tags = {each["Key"]: each["Value"] for each in user.get("Tags", ())}
    if not tags:
        # Some servers keep no tags; then the path tells.
        return user.get("Path") == _PATH
    return bool(tags.get(_UID_TAG) == index.meta.uid)


def _get_policy(iam: IAMClient, name: str) -> Any:
    try:
        document: Any = iam.get_user_policy(UserName=name, PolicyName=_POLICY)["PolicyDocument"]
    except ClientError as error:
        if error_code(error) == "NoSuchEntity":
            return None
        raise
    return json.loads(document) if isinstance(document, str) else document


def _keys(iam: IAMClient, name: str) -> list[str]:
    """Give the ids of the active keys, oldest first."""
    found = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    ordered = sorted(found, key=lambda each: str(each.get("CreateDate", "")))
    return [each["AccessKeyId"] for each in ordered]
