"""Which users an index accepts, and by what they log in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_file import Login, entries, has_publisher, unpacked
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.resource.rights import rights

if TYPE_CHECKING:
    from wheelyard_operator.observe import ObservedIndex, ObservedUser
    from wheelyard_operator.resource import IndexUser, PackageIndex


def admitted(index: PackageIndex, observed: ObservedUser) -> bool:
    """Whether the index consents to a user of that namespace."""
    home, namespace = index.meta.namespace, observed.user.meta.namespace
    return index.consent.admits(home, namespace, observed.namespace_labels)


def live_credentials(observed: ObservedUser) -> Credentials | None:
    """Give what the user's own Secret has, None if there is none that counts.

    Under an earlier name it counts until there is one under the present name: a new name is no new login.
    """
    own = [each for each in observed.secrets if is_owned(each, observed.user.meta)]
    live = [each for each in own if "deletionTimestamp" not in each["metadata"]]
    live.sort(key=lambda each: each["metadata"]["name"] != observed.user.secret_name)
    return Credentials.parse(live[0]) if live else None


def with_counting_publishers(user: IndexUser, entry: str) -> IndexUser:
    """Leave out trusted publishers that are not pinned, except for those that the user's entry has already.

    Someone who registers a name that was given up could publish. Those in force stay, so that an upgrade of the
    operator breaks no release.
    """
    counting = (each for each in user.publishers if each.is_pinned or has_publisher(entry, each))
    return replace(user, publishers=tuple(counting))


def logins(observed: ObservedIndex) -> tuple[Login, ...]:
    """Give everybody who can log in to the index."""
    in_force = _in_force(observed)
    return tuple(
        Login(
            with_counting_publishers(each.user, in_force.get(each.user.username, "")),
            rights(observed.index, each.user),
            credentials,
        )
        for each in observed.users
        if admitted(observed.index, each) and (credentials := live_credentials(each))
    )


def _in_force(observed: ObservedIndex) -> dict[str, str]:
    """Give the users' entries in the access file that the servers have, if anybody asks: it may be long."""
    secret = observed.access_secret
    asks = any(not publisher.is_pinned for each in observed.users for publisher in each.user.publishers)
    return entries(unpacked(secret)) if asks and secret and is_owned(secret, observed.index.meta) else {}
