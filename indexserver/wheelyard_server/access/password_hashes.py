"""Verification of password hashes: argon2, bcrypt, and argon2 over an older hash."""

import logging
from collections.abc import Iterable

import argon2
import bcrypt
from passlib import hash as formats

from wheelyard_server.access.access_file import Password
from wheelyard_server.access.password_costs import OLD, check

log = logging.getLogger(__name__)

BCRYPT_BYTES = 72
"""bcrypt ignores the bytes of a password beyond this."""

_HASHER = argon2.PasswordHasher()
_BCRYPT = ("$2a$", "$2b$", "$2y$")

NOBODYS = Password(
    hash="$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3NzYWx0ISE$4vFLXr0f5XUsVJiHfB0VYIYZJC6NSTGzChRj4FR5ZLc"
)
"""Is verified if a user has no password, so that the time does not reveal which users exist. No
password fits it."""


def affordable(user: str, passwords: Iterable[Password]) -> tuple[Password, ...]:
    """Return the passwords of a user that are cheap enough to verify; log the others."""
    return tuple(each for each in passwords if _is_affordable(user, each))


def _is_affordable(user: str, stored: Password) -> bool:
    try:
        check(stored.hash, stored.over)
    except ValueError as error:
        log.warning("A password of %s is ignored: %s", user, error)
        return False
    return True


def fits(stored: Password, password: str) -> bool:
    """Return whether this is the password. A damaged hash fits no password."""
    try:
        if stored.over:
            return _fits_argon2(stored.hash, _old_digest(stored.over, password))
        if stored.hash.startswith(_BCRYPT):
            return bcrypt.checkpw(_for_bcrypt(password), stored.hash.encode())
        return _fits_argon2(stored.hash, password)
    except ValueError as error:
        # The hash is damaged, or the password contains a NUL, which the old formats cannot have.
        log.warning("A password could not be verified: %s", type(error).__name__)
        return False


def _fits_argon2(hashed: str, text: str) -> bool:
    try:
        return _HASHER.verify(hashed, text)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _old_digest(settings: str, password: str) -> str:
    """Return the digest of a password in an old format with these settings."""
    if settings.startswith(_BCRYPT):
        return bcrypt.hashpw(_for_bcrypt(password), settings.encode()).decode().removeprefix(settings)
    if settings == "{SHA}":
        return str(formats.ldap_sha1.hash(password)).removeprefix(settings)
    for prefix, handler in OLD.items():
        if settings.startswith(prefix):
            return _digest(handler, settings, password)
    return str(formats.des_crypt.using(salt=settings).hash(password)).removeprefix(settings)


def _digest(handler: type, settings: str, password: str) -> str:
    parsed = handler.from_string(settings)  # type: ignore[attr-defined]
    rounds = {} if getattr(parsed, "rounds", None) is None else {"rounds": parsed.rounds}
    return str(parsed.using(salt=parsed.salt, **rounds).hash(password)).rpartition("$")[2]


def _for_bcrypt(password: str) -> bytes:
    return password.encode()[:BCRYPT_BYTES]
