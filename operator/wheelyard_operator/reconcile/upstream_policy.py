"""Decides which upstreams an index may use: the platform team's hosts and roles, and sound certificates.

An upstream that it may not use keeps its place and its names, and is never asked. If it were left
out, the next upstream would be asked for its names, and could give the index another project.
"""

import ssl
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from wheelyard_operator.condition_types import UPSTREAMS_READY
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.egress import OSV, PYPI, EgressSettings, Host
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest, PackageIndex, Upstream
from wheelyard_operator.resource.allowed_names import allows
from wheelyard_operator.status.conditions import truncate

_CREDENTIALS = (("username", "password"), ("token",), ("tls.crt", "tls.key"))
"""Keys of a Secret, one group of which is enough."""
_SECRET_TYPES = ("Opaque", "kubernetes.io/basic-auth", "kubernetes.io/tls")
"""Types of Secrets that people make for a login. The `token` of a service account has the same key as
one for an index."""


def blocked_upstreams(index: PackageIndex, egress: EgressSettings) -> dict[str, Problem]:
    """Return why upstreams are not asked, by their names."""
    found = ((each.name, next(_problems(each, index, egress), None)) for each in index.upstreams)
    return {name: problem for name, problem in found if problem}


def missing_credentials(observed: ObservedIndex) -> dict[str, Problem]:
    """Return why upstreams have no credentials, by the names of those whose Secret cannot be used."""
    named = ((each.name, each.credentials.secret_name) for each in observed.index.upstreams if each.credentials)
    found = ((name, _secret_problem(secret, observed)) for name, secret in named if secret)
    return {name: problem for name, problem in found if problem}


def without_refused_secrets(observed: ObservedIndex) -> ObservedIndex:
    """Return what was observed; an upstream whose Secret must not be sent is offline and without credentials."""
    upstreams = tuple(map(partial(_without_refused_secret, observed), observed.index.upstreams))
    return replace(observed, index=replace(observed.index, upstreams=upstreams))


def _without_refused_secret(observed: ObservedIndex, upstream: Upstream) -> Upstream:
    secret = observed.upstream_secrets.get(upstream.credentials.secret_name) if upstream.credentials else None
    return upstream if secret is None or _has_type(secret) else replace(upstream, credentials=None, offline=True)


def _has_type(secret: Manifest) -> bool:
    return secret.get("type", _SECRET_TYPES[0]) in _SECRET_TYPES


def _secret_problem(name: str, observed: ObservedIndex) -> Problem | None:
    secret = observed.upstream_secrets.get(name)
    if secret and not _has_type(secret):
        return Problem(
            UPSTREAMS_READY,
            "SecretTypeNotAllowed",
            f"Secret {name} in namespace {observed.index.meta.namespace} has the type"
            f" {truncate(secret['type'], 80)}, which is not sent to an upstream: put the login into a Secret of the"
            f" type {' or '.join(_SECRET_TYPES)}.",
        )
    if secret and any(all(decoded(secret, key) for key in keys) for keys in _CREDENTIALS):
        return None
    reason, what = (
        ("SecretKeyMissing", "has none of these keys") if secret else ("SecretNotFound", "does not exist")
    )
    return Problem(
        UPSTREAMS_READY,
        reason,
        f"Secret {name} {what} in namespace {observed.index.meta.namespace}: it needs username and password, or"
        " token, or tls.crt and tls.key.",
    )


def role_problem(index: PackageIndex, upstream: Upstream, egress: EgressSettings) -> Problem | None:
    """Return why the operator does not assume the role of an upstream, None if there is no reason."""
    role = upstream.code_artifact.role_arn if upstream.code_artifact else ""
    if not role or egress.allows_role(role, index.meta.namespace):
        return None
    return Problem(
        UPSTREAMS_READY,
        "RoleNotAllowed",
        f"indexes of namespace {index.meta.namespace} may not use role {role}: have it added to"
        " upstreams.allowedRoles of the operator's Helm chart.",
    )


def allows_host(host: str, namespace: str, egress: EgressSettings) -> bool:
    """Return whether an index of this namespace may use a host, in the form of `allowed_form`."""
    if host == PYPI:
        return egress.allows_pypi
    if host == OSV:
        return egress.allows_osv
    return is_listed(host, namespace, egress.allowed_hosts)


def is_listed(host: str, namespace: str, allowed: Iterable[Host]) -> bool:
    """Return whether a list has a host, in the form of `allowed_form`, for indexes of this namespace."""
    wanted = Host.parse(host)
    if wanted is None:
        return False
    same = [each.name for each in allowed if (each.scheme, each.port) == (wanted.scheme, wanted.port)]
    return wanted.name in same if _is_address(wanted.name) else allows(same, wanted.name, namespace)


def _is_address(name: str) -> bool:
    """Return whether a name means an IP address, in any spelling: no wildcard may allow one.

    https://url.spec.whatwg.org/#ends-in-a-number-checker
    """
    last = name.removesuffix(".").rpartition(".")[2]
    return last.isdecimal() or last.startswith("0x")


def _problems(upstream: Upstream, index: PackageIndex, egress: EgressSettings) -> Iterator[Problem]:
    namespace = index.meta.namespace
    refused = [each for each in upstream.hosts if not allows_host(each, namespace, egress)]
    if refused:
        yield Problem(
            UPSTREAMS_READY,
            "HostNotAllowed",
            f"indexes of namespace {namespace} may not use {' and '.join(refused)} as upstreams: have this added to"
            " upstreams.allowedHosts of the operator's Helm chart.",
        )
    if problem := role_problem(index, upstream, egress):
        yield problem
    if problem := bundle_problem("its caBundle", upstream.ca_bundle, UPSTREAMS_READY):
        yield problem


def bundle_problem(field: str, pem: str, condition: str) -> Problem | None:
    """Return why servers cannot get the certificates in a field, None if they can."""
    if _is_sound(pem):
        return None
    return Problem(condition, "CABundleInvalid", f"{field} cannot be read: write certificates in PEM there.")


def _is_sound(pem: str) -> bool:
    """Return whether these are certificates. A server with others would not start."""
    try:
        if pem:
            # Comments between certificates may have any letters, for servers, too.
            text = pem.encode("ascii", "replace").decode()
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except ssl.SSLError:
        return False
    return True
