"""The platform team's policy: refuses buckets, hosts and annotations that it does not allow."""

from collections.abc import Iterator

from wheelyard_operator.condition_types import CREDENTIALS_READY, EXPOSED, STORAGE_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest, PackageIndex, S3Storage
from wheelyard_operator.resource.allowed_names import allows, examples
from wheelyard_operator.resource.globs import includes
from wheelyard_operator.settings import Settings, plain_endpoint


def check_policy(storage: S3Storage, settings: Settings) -> None:
    """Raise Problem for the first rule that is broken, before S3 or IAM is asked."""
    _check_endpoint(storage, settings)
    _check_annotations(storage, settings)


def bucket_problem(index: PackageIndex, storage: S3Storage, settings: Settings) -> Problem | None:
    """Return why the operator may not create or unlock a bucket for an index, None if it may.

    Without this rule, anyone with the permission to create a PackageIndex could unlock any bucket
    of the account.
    """
    asks = storage.provision_bucket or storage.provision_user
    if not asks or allows(settings.allowed_buckets, storage.bucket, index.meta.namespace):
        return None
    return Problem(
        STORAGE_READY,
        "BucketNotAllowed",
        f"The operator may not create or unlock bucket {storage.bucket} for namespace {index.meta.namespace}:"
        f" {_choose(settings.allowed_buckets, index)}have {storage.bucket} added to aws.allowedBuckets of the"
        " operator's Helm chart.",
    )


def external_problems(
    kind: str, index: PackageIndex, settings: Settings, live: Manifest | None
) -> tuple[Problem | None, tuple[Problem, ...]]:
    """Return why an index may not be external in this way (None if it may), and what is tolerated.

    Permission to create an index does not imply permission to create an Ingress. `live` is the
    object of this kind that was made for the index, None if there is none: a host or annotation
    that it has already is tolerated.
    """
    hosts, annotations = _requested(kind, index)
    has_hosts, has_annotations = _has(live or {})
    problems = [
        *((problem, host in has_hosts) for host in hosts for problem in _host(host, index, settings)),
        *(
            (problem, has_annotations.get(name) == value)
            for name, value in annotations
            for problem in _annotation(name, value, settings)
        ),
    ]
    news = (problem for problem, is_there in problems if not is_there)
    return next(news, None), tuple(problem for problem, is_there in problems if is_there)


def _requested(kind: str, index: PackageIndex) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    ingress, route = index.external.ingress, index.external.route
    if kind == "Ingress" and ingress:
        return (ingress.host,), ingress.annotations
    return (route.hostnames if kind == "HTTPRoute" and route else ()), ()


def _has(live: Manifest) -> tuple[set[str], dict[str, str]]:
    spec = live.get("spec", {})
    hosts = {*spec.get("hostnames", ()), *(rule.get("host", "") for rule in spec.get("rules", ()))}
    return hosts, live.get("metadata", {}).get("annotations", {})


def _host(host: str, index: PackageIndex, settings: Settings) -> Iterator[Problem]:
    if not allows(settings.allowed_hosts, host, index.meta.namespace):
        yield Problem(
            EXPOSED,
            "HostNotAllowed",
            f"Indexes of namespace {index.meta.namespace} may not be reached as {host}:"
            f" {_choose(settings.allowed_hosts, index)}have {host} added to external.allowedHosts of the operator's"
            " Helm chart.",
        )


def _annotation(name: str, value: str, settings: Settings) -> Iterator[Problem]:
    forms = [each for each in settings.allowed_ingress_annotations if includes(each.name, name)]
    if any(each.takes(value) for each in forms):
        return
    what = (
        f"the value of {name} does not match {' or '.join(each.value for each in forms)}"
        if forms
        else f"{name} is not"
    )
    yield Problem(
        EXPOSED,
        "AnnotationNotAllowed",
        f"spec.ingress.annotations: {what}, which this cluster allows. Change or remove it, or have it added to"
        " external.allowedIngressAnnotations of the operator's Helm chart.",
    )


def _choose(patterns: tuple[str, ...], index: PackageIndex) -> str:
    """Name the patterns of the index's own namespace only.

    Others may reveal names of other teams.
    """
    own = examples(patterns, index.meta.namespace)
    return f"choose a name such as {' or '.join(own)}, or " if own else ""


def _check_endpoint(storage: S3Storage, settings: Settings) -> None:
    # The operator and the pods connect to it from inside the cluster, so it must be allowed.
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


def _check_annotations(storage: S3Storage, settings: Settings) -> None:
    # The annotation grants a role, and other controllers read annotations of ServiceAccounts, too.
    for key, value in storage.cloud_role.annotations if storage.cloud_role else ():
        if not settings.allows_annotation(key, value):
            raise Problem(
                CREDENTIALS_READY,
                "AnnotationNotAllowed",
                f"spec.storage.s3.credentials.serviceAccount.annotations has {key}={value}, which this cluster does"
                " not allow: have it added to aws.allowedAnnotations of the operator's Helm chart.",
            )
