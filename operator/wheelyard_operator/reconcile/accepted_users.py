"""Decides which users an index accepts, with which rights and credentials."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_file import AcceptedUser, entries, has_publisher, unpacked
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.observe import ObservedIndex, ObservedUser
from wheelyard_operator.reconcile.access_files import InForce
from wheelyard_operator.resource import IndexUser, Manifest, PackageIndex, TokenIdentity
from wheelyard_operator.resource.rights import rights

_MAX_COMPARED = 100_000
"""Publishers that are compared for the new ones of a namespace in one reconciliation: a fraction of
a second."""


def is_admitted(index: PackageIndex, observed: ObservedUser) -> bool:
    """Return whether the index admits users of that namespace."""
    home, namespace = index.meta.namespace, observed.user.meta.namespace
    return index.admission.admits(home, namespace, observed.namespace_labels)


def live_credentials(observed: ObservedUser) -> Credentials | None:
    """Return the credentials in the user's own Secret, None if it has no Secret."""
    secret = live_secret(observed)
    return Credentials.parse(secret) if secret else None


def live_secret(observed: ObservedUser) -> Manifest | None:
    """Return the user's own Secret, None if it has no Secret that stays.

    One under an earlier name counts until there is one under the current name: a new name does not
    change the login.
    """
    own = [each for each in observed.secrets if is_owned(each, observed.user.meta)]
    live = [each for each in own if "deletionTimestamp" not in each["metadata"]]
    live.sort(key=lambda each: each["metadata"]["name"] != observed.user.secret_name)
    return live[0] if live else None


def with_allowed_publishers(user: IndexUser, entry: str) -> IndexUser:
    """Leave out trusted publishers that are not pinned, except for those in the user's entry.

    Anyone who registers an abandoned name could publish with it. Those in force stay, so that an
    upgrade of the operator breaks no release.
    """
    allowed = (each for each in user.publishers if each.is_pinned or has_publisher(entry, each))
    return replace(user, publishers=tuple(allowed))


def without_held_publishers(user: IndexUser, entry: str, is_held: Callable[[TokenIdentity], object]) -> IndexUser:
    """Leave out trusted publishers that are new for this user and in force for another user."""
    free = (each for each in user.publishers if has_publisher(entry, each) or not is_held(each))
    return replace(user, publishers=tuple(free))


def accepted_users(observed: ObservedIndex) -> tuple[AcceptedUser, ...]:
    """Return all users that can log in to the index, the oldest first."""
    in_force = _in_force(observed)
    in_file = entries(in_force.text)
    compared: Counter[str] = Counter()

    def accepted(user: IndexUser) -> IndexUser:
        entry, namespace = in_file.get(user.username, ""), user.meta.namespace

        def is_held(publisher: TokenIdentity) -> bool:
            # The rest waits for the next reconciliation.
            compared[namespace] += in_force.order.count(publisher)
            return compared[namespace] > _MAX_COMPARED or bool(in_force.order.holder(user.username, publisher))

        return without_held_publishers(with_allowed_publishers(user, entry), entry, is_held)

    return tuple(
        AcceptedUser(accepted(each.user), rights(observed.index, each.user), credentials)
        for each in sorted(observed.users, key=lambda each: each.user.meta.age)
        if is_admitted(observed.index, each) and (credentials := live_credentials(each))
    )


def _in_force(observed: ObservedIndex) -> InForce:
    """Return the access file that the servers have, if it is needed: it may be long."""
    secret = observed.access_secret
    is_needed = any(each.user.publishers for each in observed.users)
    return (
        InForce(unpacked(secret)) if is_needed and secret and is_owned(secret, observed.index.meta) else InForce()
    )
