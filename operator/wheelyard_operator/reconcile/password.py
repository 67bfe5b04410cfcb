"""Imports the password that a team has chosen for its user."""

from wheelyard_operator import passwords
from wheelyard_operator.condition_types import READY
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.credentials import PASSWORD, ChosenPassword
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import IndexUser, Manifest

PASSWORD_HASH = "passwordHash"  # noqa: S105 - the name of a field
_TYPE = "kubernetes.io/basic-auth"


def chosen_password(user: IndexUser, secret: Manifest | None, previous: ChosenPassword | None) -> ChosenPassword:
    """Return the hash of the password in `secret`; raise Problem.

    The team's Secret is not changed.
    """
    name = user.password_secret_name
    if secret is None:
        raise Problem(
            READY,
            "PasswordNotFound",
            f"Secret {name} does not exist in namespace {user.meta.namespace}: create it with type {_TYPE} and the"
            f" key {PASSWORD}, or remove spec.credentials.passwordSecretRef.",
        )
    # Only this type is meant for passwords. Of no other Secret can the content be guessed this way.
    if secret.get("type") != _TYPE:
        raise Problem(
            READY,
            "PasswordUnusable",
            f"Secret {name} must be of type {_TYPE}: delete it and create it with that type.",
        )
    source = f"{secret['metadata']['uid']}/{secret['metadata']['resourceVersion']}"
    if previous is not None and previous.source == source and _still_counts(previous, secret):
        return previous
    try:
        made = _hashed(secret)
    except ValueError as error:
        raise Problem(READY, "PasswordUnusable", f"Secret {name}: {error}") from None
    return ChosenPassword(made.hash, made.over, source)


def _still_counts(chosen: ChosenPassword, secret: Manifest) -> bool:
    """Return whether an imported password is within the bounds, which may have changed."""
    is_affordable = passwords.is_affordable(passwords.PasswordHash(chosen.hash, chosen.over))
    return is_affordable and not passwords.is_too_long(decoded(secret, PASSWORD))


def _hashed(secret: Manifest) -> passwords.PasswordHash:
    chosen, old_hash = decoded(secret, PASSWORD), decoded(secret, PASSWORD_HASH).strip()
    if bool(chosen) == bool(old_hash):
        raise ValueError(f"it needs exactly one of the keys {PASSWORD} and {PASSWORD_HASH}.")
    return passwords.hashed(chosen) if chosen else passwords.taken_over(old_hash)
