"""Hashes passwords, and imports older hashes: only slow hashes are stored.

A weak hash is hashed again, so that it never reaches an index server. The user need not log in
first.
"""

from dataclasses import dataclass

import argon2
from passlib.context import CryptContext

from wheelyard_operator import password_costs

MIN_PASSWORD_LENGTH = 8
"""Characters (NIST SP 800-63B)."""
MAX_PASSWORD_BYTES = 256
"""Bytes: index servers refuse longer passwords without checking them."""

# OWASP Password Storage Cheat Sheet.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_BCRYPT_SALT = 22
_STRONG_BCRYPT = 10
_OLD = ("sha512_crypt", "sha256_crypt", "apr_md5_crypt", "md5_crypt", "pbkdf2_sha256", "pbkdf2_sha512", "ldap_sha1")
_CONTEXT = CryptContext(schemes=[*_OLD, "des_crypt"])


@dataclass(frozen=True)
class PasswordHash:
    """A slow hash, of a password or of an older hash of it."""

    hash: str
    over: str = ""
    """The older hash without its digest, "" if there is none."""


def hashed(password: str) -> PasswordHash:
    """Hash a password; raise ValueError if it is too short or too long."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise ValueError(f"the password is too short: take at least {MIN_PASSWORD_LENGTH} characters.")
    if is_too_long(password):
        raise ValueError(f"the password is too long: take at most {MAX_PASSWORD_BYTES} bytes.")
    return PasswordHash(_HASHER.hash(password))


def is_too_long(password: str) -> bool:
    """Return whether index servers refuse a password because of its length."""
    return len(password.encode()) > MAX_PASSWORD_BYTES


def taken_over(old_hash: str) -> PasswordHash:
    """Import a hash of an htpasswd file or of pypicloud.

    Raise ValueError, which never quotes it.
    """
    taken = _taken(old_hash)
    password_costs.check(taken.hash, taken.over)
    return taken


def is_affordable(taken: PasswordHash) -> bool:
    """Return whether an imported hash is within the bounds, which may have been wider before."""
    try:
        password_costs.check(taken.hash, taken.over)
    except ValueError:
        return False
    return True


def _taken(old_hash: str) -> PasswordHash:
    if old_hash.startswith("$argon2"):
        return PasswordHash(old_hash)
    if found := password_costs.BCRYPT.fullmatch(old_hash):
        return _bcrypt(old_hash, int(found[1]))
    scheme = _CONTEXT.identify(old_hash)
    if scheme is None or len(old_hash) > password_costs.MAX_LENGTH:
        raise ValueError(
            "this is no password hash that Wheelyard knows: it takes argon2, bcrypt, sha512_crypt, sha256_crypt,"
            " MD5 of Apache and of crypt, pbkdf2 of passlib, {SHA} and DES."
        )
    _check_canonical(old_hash, scheme)
    if scheme == "des_crypt":
        return _wrapped(old_hash[:2], old_hash[2:])
    if scheme == "ldap_sha1":
        return _wrapped("{SHA}", old_hash[len("{SHA}") :])
    return _wrapped(*old_hash.rsplit("$", 1))


def _bcrypt(old_hash: str, cost: int) -> PasswordHash:
    if cost >= _STRONG_BCRYPT:
        return PasswordHash(old_hash)
    end = len("$2b$05$") + _BCRYPT_SALT
    return _wrapped(old_hash[:end], old_hash[end:])


def _check_canonical(old_hash: str, scheme: str) -> None:
    """Refuse a hash that the verifying library would write differently.

    Parsers may disagree about it.
    """
    try:
        written = _CONTEXT.handler(scheme).from_string(old_hash).to_string()
    except ValueError:
        written = ""
    if written != old_hash:
        raise ValueError(f"this is a damaged {scheme} hash.")


def _wrapped(settings: str, digest: str) -> PasswordHash:
    return PasswordHash(_HASHER.hash(digest), settings)
