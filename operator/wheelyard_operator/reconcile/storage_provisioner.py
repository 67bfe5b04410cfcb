"""Executes what an index's storage needs, at S3 and IAM, and returns what came of it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from wheelyard_operator.condition_types import CREDENTIALS_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision import bucket_ownership, removal
from wheelyard_operator.provision.bucket import ensure_bucket
from wheelyard_operator.provision.clients import Clients
from wheelyard_operator.provision.errors import OPERATOR_CREDENTIALS
from wheelyard_operator.provision.storage_users import StorageUsers
from wheelyard_operator.reconcile.access_keys import AccessKeys
from wheelyard_operator.reconcile.storage_steps import (
    CheckLocation,
    CreateBucket,
    KeepAccessKey,
    RequireLocation,
    StorageStep,
    storage_steps,
)
from wheelyard_operator.reconcile.storage_target import StorageTarget
from wheelyard_operator.resource import PackageIndex, S3Storage
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.storage import ReadyStorage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class StorageProvisioner:
    """Asks S3 and IAM and remembers nothing.

    Every method raises Problem, and can be called again after a crash.
    """

    def __init__(self, clients: Clients, users: StorageUsers, settings: Settings, now: Callable[[], str]) -> None:
        self._clients = clients
        self._users = users
        self._settings = settings
        self._access_keys = AccessKeys(users, settings.key_overlap_seconds, now)

    def provide(self, target: StorageTarget) -> ReadyStorage:
        """Execute all steps that the storage needs."""
        ready = ReadyStorage(target.credentials_digest)
        for step in storage_steps(target.index, target.storage, self._settings):
            ready = self._execute(step, target, ready)
        return ready

    def remove_user(self, index: PackageIndex) -> None:
        """Remove the user that was made for an index."""
        self._users.remove(index)

    def remove_bucket(self, index: PackageIndex, storage: S3Storage) -> None:
        """Remove what the index stored, and its bucket."""
        removal.remove_bucket(self._clients.own_s3(self.region(storage)), index, storage)

    def region(self, storage: S3Storage) -> str:
        """Return the region of the bucket."""
        return storage.region or self._settings.region

    def _execute(self, step: StorageStep, target: StorageTarget, ready: ReadyStorage) -> ReadyStorage:
        match step:
            case RequireLocation(refusal):
                if not self._has_location(target):
                    raise refusal
                return replace(ready, tolerated=refusal)
            case CreateBucket():
                return replace(ready, note=self._create_bucket(target))
            case CheckLocation():
                self._check_location(target)
                return ready
            case KeepAccessKey():
                return self._access_keys.keep(target, ready)

    def _create_bucket(self, target: StorageTarget) -> str:
        region = self.region(target.storage)
        return ensure_bucket(self._clients.own_s3(region), target.index, target.storage.bucket, region)

    def _check_location(self, target: StorageTarget) -> None:
        client, credentials = self._client(target)
        index, storage = target.index, target.storage
        # IAM is asked only if the marker is not this index's.
        is_granted = partial(self._users.reaches, index, storage)
        bucket_ownership.check_storage(client, index, storage, credentials, is_granted)

    def _has_location(self, target: StorageTarget) -> bool:
        """Return whether the index has its location already.

        By its user's rights at IAM, else by the marker.
        """
        if target.storage.provision_user:
            return self._users.reaches(target.index, target.storage)
        try:
            client, credentials = self._client(target)
            owner = bucket_ownership.owner_of(client, target.index, target.storage, credentials)
        except Problem as problem:
            if not problem.stalled or problem.condition == CREDENTIALS_READY:
                raise
            return False
        return owner is bucket_ownership.Owner.SELF

    def _client(self, target: StorageTarget) -> "tuple[S3Client, str]":
        """Return a client with access to the storage, and its credentials' name; raise Problem."""
        storage, region = target.storage, self.region(target.storage)
        if storage.provision_user or storage.cloud_role:
            return self._clients.own_s3(region), OPERATOR_CREDENTIALS
        client = self._clients.s3(target.given_credentials(), storage.endpoint, region)
        return client, f"The keys in Secret {target.index.storage_secret_name}"
