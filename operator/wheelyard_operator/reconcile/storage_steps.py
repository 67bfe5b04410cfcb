"""Decides what an index's storage in S3 needs, and in which order: pure rules."""

from dataclasses import dataclass

from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.platform_policy import bucket_problem
from wheelyard_operator.resource import PackageIndex, S3Storage
from wheelyard_operator.settings import Settings


@dataclass(frozen=True)
class RequireLocation:
    """Go on only if the index has its location already.

    Its bucket would not be allowed if it were new.
    """

    refusal: Problem


@dataclass(frozen=True)
class CreateBucket:
    """Create the bucket if it does not exist."""


@dataclass(frozen=True)
class CheckLocation:
    """Check that the location can be used, and belongs to no other index."""


@dataclass(frozen=True)
class KeepAccessKey:
    """Give the index an IAM user and an access key for its location alone."""


StorageStep = RequireLocation | CreateBucket | CheckLocation | KeepAccessKey


def storage_steps(index: PackageIndex, storage: S3Storage, settings: Settings) -> tuple[StorageStep, ...]:
    """Return the steps in order: the location is checked before there is a key to it.

    It is not checked with the new key, which AWS takes some seconds to accept: whether the key
    works shows in the readiness of the pods. If only the pods have access, by a role, the operator
    cannot check it.
    """
    refusal = bucket_problem(index, storage, settings)
    steps: list[StorageStep] = []
    if refusal:
        steps.append(RequireLocation(refusal))
    elif storage.provision_bucket:
        steps.append(CreateBucket())
    if storage.provision_user or storage.provision_bucket or storage.cloud_role is None:
        steps.append(CheckLocation())
    if storage.provision_user:
        steps.append(KeepAccessKey())
    return tuple(steps)
