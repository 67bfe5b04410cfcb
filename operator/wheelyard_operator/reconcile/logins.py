"""Which users an index accepts, and by what they log in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_file import Login
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.resource.rights import rights

if TYPE_CHECKING:
    from wheelyard_operator.observe import ObservedIndex, ObservedUser
    from wheelyard_operator.resource import PackageIndex


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


def logins(observed: ObservedIndex) -> tuple[Login, ...]:
    """Give everybody who can log in to the index."""
    return tuple(
        Login(each.user, rights(observed.index, each.user), credentials)
        for each in observed.users
        if admitted(observed.index, each) and (credentials := live_credentials(each))
    )
