"""Decides whether the login of an IndexUser is in force, and if not, why.

Pure rules, each raises Problem.
"""

from wheelyard_operator.condition_types import READY
from wheelyard_operator.desired.access_budget import USER_BYTES, size
from wheelyard_operator.desired.access_file import (
    AcceptedUser,
    TrustedIssuers,
    is_in_force,
    knows_issuer,
    service_accounts,
)
from wheelyard_operator.desired.identity_order import IDENTITIES, PUBLISHERS
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.access_files import InForce
from wheelyard_operator.resource import IndexUser, PackageIndex
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.conditions import is_stalled
from wheelyard_operator.status.user import unpinned_message


def check_index(index: PackageIndex | None, user: IndexUser) -> PackageIndex:
    """Return the index if it exists and stays."""
    if index is None or index.meta.deleting:
        raise Problem(
            READY,
            "IndexNotFound",
            f"There is no PackageIndex {user.index.name} in namespace {user.index.namespace}: create it, or delete"
            " this user and create one with the right spec.indexRef.",
        )
    return index


def not_admitted(index: PackageIndex, user: IndexUser) -> Problem:
    """Return the problem of a user whose namespace the index does not accept."""
    return Problem(
        READY,
        "NamespaceNotAllowed",
        f"PackageIndex {index.id} does not accept users of namespace {user.meta.namespace}: its owner can allow"
        " them in spec.access.users.namespaces.",
    )


def check_address(index: PackageIndex, user: IndexUser, cluster_domain: str) -> str:
    """Return the address of the index that the user asks for."""
    if not user.is_external:
        return index.cluster_url(cluster_domain)
    if index.external.url:
        return index.external.url
    raise Problem(
        READY,
        "NotExposed",
        f"PackageIndex {index.id} has no address outside the cluster: set its spec.ingress, spec.httpRoute or"
        " spec.external.url, or set this user's spec.credentials.listener to Cluster.",
    )


def check_issuers(user: IndexUser, settings: Settings) -> None:
    """Check that the cluster trusts all issuers that the user names."""
    for issuer in sorted({each.issuer for each in user.publishers}):
        if not settings.trusts(issuer):
            raise Problem(
                READY,
                "IssuerNotAllowed",
                f"spec.trustedPublishers names {issuer}, which this cluster does not trust: have it added to"
                " oidc.allowedIssuers of the operator's Helm chart.",
            )


def check_publishers(user: IndexUser, allowed: IndexUser, free: IndexUser, access_text: str) -> None:
    """Check that all publishers are pinned, and that servers have the keys of the free ones."""
    unpinned = [each for each in user.publishers if each not in allowed.publishers]
    if unpinned:
        raise Problem(READY, "PublisherNotPinned", unpinned_message(unpinned))
    for issuer in sorted({each.issuer for each in free.publishers}):
        if not knows_issuer(access_text, issuer):
            raise _issuer_unavailable(issuer)


def check_in_force(index: PackageIndex, accepted: AcceptedUser, cluster_issuer: str, in_force: InForce) -> None:
    """Check that the access file that index servers have contains all of the user."""
    user = accepted.user
    if user.service_accounts and not cluster_issuer:
        raise _issuer_unavailable("The API server")
    issuers = _issuers_of(user, cluster_issuer)
    _check_budget(index, accepted, issuers, in_force)
    if not is_in_force(in_force.text, accepted, issuers):
        needs = " That index needs an action first: see its conditions." if is_stalled(index.status) else ""
        message = f"The index servers of PackageIndex {index.id} are getting the login.{needs}"
        raise Problem(READY, "AccessPending", message, stalled=False)


def taken_identities(user: IndexUser, free: IndexUser, cluster_issuer: str, in_force: InForce) -> tuple[str, ...]:
    """Return the CI jobs and ServiceAccounts of a user that log in as another user.

    The other user is named only if it is in the same namespace. Of the user's jobs, those of `free`
    may be in force.
    """
    if not (user.publishers or user.service_accounts):
        return ()
    order, issuers = in_force.order, _issuers_of(free, cluster_issuer)
    own = ((PUBLISHERS, free.publishers), (IDENTITIES, service_accounts(user, issuers)))
    held = [each for each in user.publishers if each not in free.publishers]
    found = [
        *((each, order.holder(user.username, each)) for each in held),
        *((each, order.preferred(user.username, kind, each)) for kind, identities in own for each in identities),
    ]
    home = f"{user.meta.namespace}."
    return tuple(f"{each} (as {name if name.startswith(home) else 'another user'})" for each, name in found if name)


def _issuers_of(user: IndexUser, cluster_issuer: str) -> TrustedIssuers:
    return TrustedIssuers(cluster_issuer, publishers=frozenset(each.issuer for each in user.publishers))


def _check_budget(index: PackageIndex, accepted: AcceptedUser, issuers: TrustedIssuers, in_force: InForce) -> None:
    taken = size(accepted, issuers)
    if taken > USER_BYTES:
        raise Problem(
            READY,
            "OverBudget",
            f"This user takes {taken} bytes of the access file of PackageIndex {index.id}, and may take at most"
            f" {USER_BYTES}: write fewer or shorter groups, grants, serviceAccounts and trustedPublishers. Until"
            " then it has no login.",
        )
    if reason := in_force.left_out.reason(index, accepted.user):
        raise Problem(READY, "OverBudget", reason)


def _issuer_unavailable(issuer: str) -> Problem:
    message = f"{issuer} has not provided its public keys yet: see the operator's log."
    return Problem(READY, "IssuerUnavailable", message, stalled=False)
