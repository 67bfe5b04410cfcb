"""Gives an index its storage.

What may be remembered, what must be asked, and which servers answer.
"""

import time
from collections.abc import Callable

from wheelyard_operator.condition_types import CREDENTIALS_READY, STORAGE_READY
from wheelyard_operator.desired.volumeclaim import volumeclaim
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.endpoints import Endpoints, Service
from wheelyard_operator.reconcile.platform_policy import check_policy
from wheelyard_operator.reconcile.storage_answers import StorageAnswers, StorageQuestion
from wheelyard_operator.reconcile.storage_provisioner import StorageProvisioner
from wheelyard_operator.reconcile.storage_target import StorageTarget
from wheelyard_operator.resource import PackageIndex, S3Storage, VolumeStorage
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.storage import ReadyStorage

_IAM = Service("iam", CREDENTIALS_READY, "IAM")


class StorageStage:
    """Prepares and removes storage; every method raises Problem or BusyError."""

    def __init__(
        self,
        provisioner: StorageProvisioner,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        endpoints: Endpoints | None = None,
    ) -> None:
        self._provisioner = provisioner
        self._settings = settings
        self._answers = StorageAnswers(clock)
        self._endpoints = endpoints or Endpoints(clock)

    def prepare(self, observed: ObservedIndex, children: Children) -> ReadyStorage:
        """Return the storage of an index once it can be used."""
        index, storage = observed.index, observed.index.storage
        if isinstance(storage, VolumeStorage):
            children.ensure(volumeclaim(index, storage), STORAGE_READY)
            return ReadyStorage()
        check_policy(storage, self._settings)
        target = StorageTarget(observed, storage, children)
        target.restore_secret()
        question = StorageQuestion.about(index, storage, target.credentials_digest)
        answer = self._answers.get(question)
        if answer is None:
            answer = self._ask(target)
            self._answers.remember(question, answer)
        if isinstance(answer, Problem):
            raise answer.copy()
        return answer

    def release(self, index: PackageIndex) -> None:
        """Remove the user that was made for an index."""
        with self._endpoints.conversation(_IAM):
            self._provisioner.remove_user(index)

    def remove(self, index: PackageIndex, storage: S3Storage) -> None:
        """Remove what the index stored, and its bucket."""
        with self._endpoints.conversation(self._s3(storage)):
            self._provisioner.remove_bucket(index, storage)

    def _ask(self, target: StorageTarget) -> ReadyStorage | Problem:
        s3 = self._s3(target.storage)
        try:
            with self._endpoints.conversation(s3, *([_IAM] if target.storage.provision_user else [])):
                return self._provisioner.provide(target)
        except Problem as problem:
            return problem

    def _s3(self, storage: S3Storage) -> Service:
        endpoint = f"{storage.endpoint} {self._provisioner.region(storage)}"
        return Service(endpoint, STORAGE_READY, f"bucket {storage.bucket}")
