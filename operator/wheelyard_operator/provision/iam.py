"""Manages the IAM user of an index: one user, one inline policy, at most two access keys.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
"""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, UnknownRegionError

from wheelyard_operator.condition_types import CREDENTIALS_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.clients import Clients, new_session
from wheelyard_operator.provision.errors import OPERATOR_CREDENTIALS, error_code, translated
from wheelyard_operator.provision.iam_policy import resources, storage_policy
from wheelyard_operator.provision.storage_users import AccessKey, Capabilities, NewKey
from wheelyard_operator.resource import PackageIndex, S3Storage
from wheelyard_operator.times import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_PATH = "/wheelyard/"
_POLICY = "wheelyard-storage"
_INDEX_TAG = "wheelyard.dev/index"
_UID_TAG = "wheelyard.dev/uid"
_NAME_LIMIT = 64


class IamUsers:
    """The users at AWS, and at servers that have its IAM API."""

    def __init__(self, clients: Clients, region: str) -> None:
        self._clients = clients
        self._partition = _partition(region)

    def capabilities(self) -> Capabilities:
        """See `StorageUsers.capabilities`."""
        return Capabilities(prefixes=True)

    def ensure(self, index: PackageIndex, storage: S3Storage) -> None:
        """See `StorageUsers.ensure`."""
        name, wanted = user_name(index), storage_policy(storage, self._partition)
        with _translated(name):
            user = _get_user(self._iam, name)
            if user is None:
                _create_user(self._iam, index, name)
            else:
                _check_owner(index, user)
            if _get_policy(self._iam, name) == wanted:
                return
            self._iam.put_user_policy(UserName=name, PolicyName=_POLICY, PolicyDocument=json.dumps(wanted))
            if _get_policy(self._iam, name) != wanted:
                raise Problem(
                    CREDENTIALS_READY,
                    "PolicyUnsupported",
                    f"The IAM server did not store the policy of user {name} unchanged, so no key is created: its"
                    " rights might be wider. Give the index credentials of its own (credentials.secretRef).",
                )

    def reaches(self, index: PackageIndex, storage: S3Storage) -> bool:
        """See `StorageUsers.reaches`."""
        name = user_name(index)
        with _translated(name):
            user = _get_user(self._iam, name)
            is_ours = user is not None and _is_ours(index, user)
            wanted = storage_policy(storage, self._partition)
            return is_ours and resources(_get_policy(self._iam, name)) == resources(wanted)

    def keys(self, index: PackageIndex) -> tuple[AccessKey, ...]:
        """See `StorageUsers.keys`."""
        name = user_name(index)
        with _translated(name):
            return tuple(_keys(self._iam, name))

    def create_key(self, index: PackageIndex) -> NewKey:
        """See `StorageUsers.create_key`."""
        name = user_name(index)
        with _translated(name):
            made = self._iam.create_access_key(UserName=name)["AccessKey"]
        return NewKey(made["AccessKeyId"], made["SecretAccessKey"])

    def deactivate_key(self, index: PackageIndex, key_id: str) -> None:
        """See `StorageUsers.deactivate_key`."""
        name = user_name(index)
        with _translated(name):
            self._iam.update_access_key(UserName=name, AccessKeyId=key_id, Status="Inactive")

    def delete_key(self, index: PackageIndex, key_id: str) -> None:
        """See `StorageUsers.delete_key`."""
        name = user_name(index)
        with _translated(name):
            self._iam.delete_access_key(UserName=name, AccessKeyId=key_id)

    def remove(self, index: PackageIndex) -> None:
        """See `StorageUsers.remove`."""
        name = user_name(index)
        with _translated(name):
            user = _get_user(self._iam, name)
            if user is None or not _is_ours(index, user):
                return
            for key in _keys(self._iam, name):
                self._iam.delete_access_key(UserName=name, AccessKeyId=key.key_id)
            if _get_policy(self._iam, name) is not None:
                self._iam.delete_user_policy(UserName=name, PolicyName=_POLICY)
            self._iam.delete_user(UserName=name)

    @property
    def _iam(self) -> "IAMClient":
        return self._clients.iam


def user_name(index: PackageIndex) -> str:
    """Return the IAM user's name; the digest distinguishes a-b/c from a/b-c."""
    digest = hashlib.sha256(index.id.encode()).hexdigest()[:8]
    readable = f"wheelyard-{index.meta.namespace}-{index.meta.name}"
    return f"{readable[: _NAME_LIMIT - len(digest) - 1]}-{digest}"


def _partition(region: str) -> str:
    try:
        return new_session().get_partition_for_region(region)
    except UnknownRegionError:
        # Of a server that is not AWS: these speak of "aws".
        return "aws"


def _translated(name: str) -> Any:
    return translated(CREDENTIALS_READY, f"IAM user {name}", OPERATOR_CREDENTIALS)


def _get_user(iam: "IAMClient", name: str) -> dict[str, Any] | None:
    try:
        return dict(iam.get_user(UserName=name)["User"])
    except ClientError as error:
        if error_code(error) == "NoSuchEntity":
            return None
        raise


def _create_user(iam: "IAMClient", index: PackageIndex, name: str) -> None:
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
        # Some servers store no tags. The name belongs to this index, and an earlier index of that
        # name created no user after this one was created.
        made = user.get("CreateDate")
        return user.get("Path") == _PATH and made is not None and rfc3339(made) >= index.meta.created
    return bool(tags.get(_UID_TAG) == index.meta.uid)


def _get_policy(iam: "IAMClient", name: str) -> Any:
    try:
        document: Any = iam.get_user_policy(UserName=name, PolicyName=_POLICY)["PolicyDocument"]
    except ClientError as error:
        if error_code(error) == "NoSuchEntity":
            return None
        raise
    return json.loads(document) if isinstance(document, str) else document


def _keys(iam: "IAMClient", name: str) -> list[AccessKey]:
    found = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    ordered = sorted(found, key=lambda each: str(each.get("CreateDate", "")))
    return [AccessKey(each["AccessKeyId"], each.get("Status", "Active") == "Active") for each in ordered]
