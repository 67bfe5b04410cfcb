"""What an index may ask for at all, before anybody outside is asked: pure rules, in order."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from wheelyard_operator.problems import CREDENTIALS_READY, EXPOSED, STORAGE_READY, Problem
from wheelyard_operator.resource import S3Storage
from wheelyard_operator.settings import plain_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wheelyard_operator.resource import PackageIndex
    from wheelyard_operator.settings import Settings


def check_claims(
    index: PackageIndex, storage: S3Storage, others: Iterable[PackageIndex], settings: Settings
) -> None:
    """Raise Problem for the first rule that is broken."""
    _check_endpoint(storage, settings)
    _check_bucket(storage, settings)
    _check_annotations(storage, settings)
    _check_rivals(index, storage, others, settings)


def check_exposure(index: PackageIndex, settings: Settings) -> None:
    """Raise Problem if its owner may not be reached so: whoever may make an index need not may make an Ingress."""
    for host in index.exposure.hosts:
        if not any(fnmatchcase(host, allowed) for allowed in settings.allowed_hosts):
            raise Problem(
                EXPOSED,
                "HostNotAllowed",
                f"Indexes of this cluster may be reached as {', '.join(settings.allowed_hosts)}, not as {host}:"
                " choose such a host, or have exposure.allowedHosts of the operator's Helm chart changed.",
            )
    annotations = index.exposure.ingress.annotations if index.exposure.ingress else ()
    for name, _ in annotations:
        if not any(fnmatchcase(name, allowed) for allowed in settings.allowed_ingress_annotations):
            raise Problem(
                EXPOSED,
                "AnnotationNotAllowed",
                f"spec.ingress.annotations has {name}, which this cluster does not allow: remove it, or have it"
                " added to exposure.allowedIngressAnnotations of the operator's Helm chart.",
            )


def _check_endpoint(storage: S3Storage, settings: Settings) -> None:
    # The operator and the pods connect to it from within the cluster: it must not be just anything.
    endpoint = plain_endpoint(storage.endpoint)
    if endpoint and endpoint not in {settings.s3_endpoint, *settings.allowed_endpoints}:
        raise Problem(
            STORAGE_READY,
            "EndpointNotAllowed",
            f"spec.storage.s3.endpoint {storage.endpoint} is not one that this cluster allows: have it"
            " added to aws.allowedEndpoints of the operator's Helm chart.",
        )
    if endpoint and (storage.provision_bucket or storage.provision_user):
        raise Problem(
            STORAGE_READY,
            "EndpointNotAllowed",
            "spec.storage.s3.provision works at the operator's own endpoint only: leave endpoint empty.",
        )


def _check_bucket(storage: S3Storage, settings: Settings) -> None:
    # Otherwise whoever may create a PackageIndex could have any bucket of the account unlocked for it.
    if not (storage.provision_bucket or storage.provision_user):
        return
    if not any(fnmatchcase(storage.bucket, allowed) for allowed in settings.allowed_buckets):
        raise Problem(
            STORAGE_READY,
            "BucketNotAllowed",
            f"The operator makes and unlocks only buckets named {', '.join(settings.allowed_buckets)}, not"
            f" {storage.bucket}: choose such a name, or have aws.allowedBuckets of the Helm chart changed.",
        )


def _check_annotations(storage: S3Storage, settings: Settings) -> None:
    # A role is given to whom its annotation is on, and other controllers read annotations of ServiceAccounts, too.
    for key, value in storage.identity.annotations if storage.identity else ():
        if not settings.allows_annotation(key, value):
            raise Problem(
                CREDENTIALS_READY,
                "AnnotationNotAllowed",
                f"spec.storage.s3.credentials.serviceAccount.annotations has {key}={value}, which this cluster does"
                " not allow: have it added to aws.allowedAnnotations of the operator's Helm chart.",
            )


def _check_rivals(
    index: PackageIndex, storage: S3Storage, others: Iterable[PackageIndex], settings: Settings
) -> None:
    older = sorted((other for other in others if _age(other) < _age(index)), key=_age)
    for other in older:
        theirs = other.storage
        if isinstance(theirs, S3Storage) and _overlap(storage, theirs, settings):
            raise Problem(
                STORAGE_READY,
                "StorageInUse",
                f"Index {other.id} is older and has bucket {theirs.bucket} with prefix"
                f" {theirs.prefix!r}: use another bucket, or a prefix beside it.",
            )


def _age(index: PackageIndex) -> tuple[str, str]:
    return index.meta.created, index.meta.uid


def _overlap(one: S3Storage, two: S3Storage, settings: Settings) -> bool:
    same_place = one.bucket == two.bucket and _endpoint(one, settings) == _endpoint(two, settings)
    nested = one.prefix.startswith(two.prefix) or two.prefix.startswith(one.prefix)
    return same_place and nested


def _endpoint(storage: S3Storage, settings: Settings) -> str:
    return plain_endpoint(storage.endpoint) or settings.s3_endpoint
