"""Which users an index accepts, and by which token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelyard_operator import tokens
from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_file import Login
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.user_secret import PASSWORD

if TYPE_CHECKING:
    from wheelyard_operator.observe import ObservedIndex, ObservedUser
    from wheelyard_operator.resource import PackageIndex


def admitted(index: PackageIndex, observed: ObservedUser) -> bool:
    """Whether the index consents to a user of that namespace."""
    home, namespace = index.meta.namespace, observed.user.meta.namespace
    return index.consent.admits(home, namespace, observed.namespace_labels)


def live_token(observed: ObservedUser) -> str:
    """Give the token that the user's own Secret has, "" if it has none that counts."""
    secret = observed.secret
    if secret is None or not is_owned(secret, observed.user.meta):
        return ""
    if "deletionTimestamp" in secret["metadata"]:
        return ""
    token = decoded(secret, PASSWORD)
    return token if tokens.is_token(token) else ""


def logins(observed: ObservedIndex) -> tuple[Login, ...]:
    """Give everybody who can log in to the index."""
    return tuple(
        Login(each.user, tokens.digest(token))
        for each in observed.users
        if admitted(observed.index, each) and (token := live_token(each))
    )
