"""Decides which credentials a user's Secret should have, and keeps that Secret."""

import secrets
from dataclasses import replace

from wheelyard_operator import tokens
from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.credentials import ChosenPassword, Credentials
from wheelyard_operator.desired.user_secret import address_of, user_secret
from wheelyard_operator.observe import ObservedUser
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.accepted_users import live_credentials, live_secret
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.password import chosen_password
from wheelyard_operator.reconcile.renamed_fields import check_field_names
from wheelyard_operator.reconcile.token_rotation import next_step
from wheelyard_operator.reconcile.user_checks import check_address
from wheelyard_operator.resource import PackageIndex


def secret_address(index: PackageIndex, observed: ObservedUser, cluster_domain: str) -> tuple[str, Problem | None]:
    """Return the address for the Secret, and why it is not the requested one, None if it is.

    If it is not, the Secret keeps its address: its token is still rotated, and the previous one
    still expires.
    """
    try:
        check_field_names(observed.user)
        return check_address(index, observed.user, cluster_domain), None
    except Problem as problem:
        secret = live_secret(observed)
        if secret and (kept := address_of(secret)):
            return kept, problem
        raise


def wanted_credentials(observed: ObservedUser, access_text: str, now: str) -> tuple[Credentials, Problem | None]:
    """Return the credentials that the Secret should have, and the problem of the password."""
    user, current = observed.user, live_credentials(observed) or Credentials()
    password, problem = _password(observed, current.password)
    if not user.has_token:
        return Credentials(password=password), problem
    step = next_step(
        current, user.rotation, now, access_text.__contains__, lambda: tokens.new_token(secrets.token_bytes)
    )
    return replace(step, password=password), problem


def keep_secret(observed: ObservedUser, url: str, credentials: Credentials, children: Children) -> None:
    """Write the Secret, then remove those under earlier names."""
    user = observed.user
    children.ensure(user_secret(user, url, credentials))
    remove_secrets(observed, children, keep=user.secret_name)


def remove_secrets(observed: ObservedUser, children: Children, keep: str = "") -> None:
    """Remove the user's own Secrets, except for the one with the name to keep."""
    for secret in observed.secrets:
        metadata = secret["metadata"]
        if metadata["name"] != keep and is_owned(secret, observed.user.meta):
            children.remove("Secret", metadata["namespace"], metadata["name"])


def _password(
    observed: ObservedUser, previous: ChosenPassword | None
) -> tuple[ChosenPassword | None, Problem | None]:
    if not observed.user.password_secret_name:
        return None, None
    try:
        return chosen_password(observed.user, observed.password_secret, previous), None
    except Problem as problem:
        return None, problem
