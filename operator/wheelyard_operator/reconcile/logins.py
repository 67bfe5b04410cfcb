"""Which users an index accepts, and by what they log in."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_file import Login, entries, has_publisher, unpacked
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.observe import ObservedIndex, ObservedUser
from wheelyard_operator.reconcile.access_files import InForce
from wheelyard_operator.resource import Identity, IndexUser, Manifest, PackageIndex
from wheelyard_operator.resource.rights import rights

_MOST_COMPARED = 100_000
"""Publishers, for the new ones of a namespace in one round: a fraction of a second."""


def admitted(index: PackageIndex, observed: ObservedUser) -> bool:
    """Return whether the index consents to a user of that namespace."""
    home, namespace = index.meta.namespace, observed.user.meta.namespace
    return index.admission.admits(home, namespace, observed.namespace_labels)


def live_credentials(observed: ObservedUser) -> Credentials | None:
    """Return what the user's own Secret has, None if there is none that counts."""
    secret = live_secret(observed)
    return Credentials.parse(secret) if secret else None


def live_secret(observed: ObservedUser) -> Manifest | None:
    """Return the user's own Secret, None if there is none that counts.

    Under an earlier name it counts until there is one under the present name: a new name is no new login.
    """
    own = [each for each in observed.secrets if is_owned(each, observed.user.meta)]
    live = [each for each in own if "deletionTimestamp" not in each["metadata"]]
    live.sort(key=lambda each: each["metadata"]["name"] != observed.user.secret_name)
    return live[0] if live else None


def with_counting_publishers(user: IndexUser, entry: str) -> IndexUser:
    """Leave out trusted publishers that are not pinned, except for those that the user's entry has already.

    Someone who registers a name that was given up could publish. Those in force stay, so that an upgrade of the
    operator breaks no release.
    """
    counting = (each for each in user.publishers if each.is_pinned or has_publisher(entry, each))
    return replace(user, publishers=tuple(counting))


def without_held_publishers(user: IndexUser, entry: str, is_held: Callable[[Identity], object]) -> IndexUser:
    """Leave out trusted publishers that are not in the user's entry and whose jobs another user has."""
    free = (each for each in user.publishers if has_publisher(entry, each) or not is_held(each))
    return replace(user, publishers=tuple(free))


def logins(observed: ObservedIndex) -> tuple[Login, ...]:
    """Return everybody who can log in to the index."""
    in_force = _in_force(observed)
    in_file = entries(in_force.text)
    compared: Counter[str] = Counter()

    def accepted(user: IndexUser) -> IndexUser:
        entry, namespace = in_file.get(user.username, ""), user.meta.namespace

        def is_held(publisher: Identity) -> bool:
            # What there is no time to compare waits for the next round.
            compared[namespace] += in_force.trusts.count(publisher)
            return compared[namespace] > _MOST_COMPARED or bool(in_force.trusts.holder(user.username, publisher))

        return without_held_publishers(with_counting_publishers(user, entry), entry, is_held)

    return tuple(
        Login(accepted(each.user), rights(observed.index, each.user), credentials)
        for each in sorted(observed.users, key=lambda each: each.user.meta.age)
        if admitted(observed.index, each) and (credentials := live_credentials(each))
    )


def _in_force(observed: ObservedIndex) -> InForce:
    """Return the access file that the servers have, if anybody asks: it may be long."""
    secret = observed.access_secret
    asks = any(each.user.publishers for each in observed.users)
    return InForce(unpacked(secret)) if asks and secret and is_owned(secret, observed.index.meta) else InForce()
