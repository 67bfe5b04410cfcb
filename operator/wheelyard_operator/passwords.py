"""What is kept of passwords: slow hashes only, also of those that come as a weaker hash.

An old hash is hashed again, as it is, so that no weak one ever reaches an index server; nobody has to log in first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import argon2
from passlib.context import CryptContext

SHORTEST = 8
"""Characters, as NIST SP 800-63B has it."""

# OWASP Password Storage Cheat Sheet.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_MOST_MEMORY = 256 * 1024
_MOST_TIME = 16
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_BCRYPT_SALT = 22
_STRONG_BCRYPT = range(10, 16)
_OLD = ("sha512_crypt", "sha256_crypt", "apr_md5_crypt", "md5_crypt", "pbkdf2_sha256", "pbkdf2_sha512", "ldap_sha1")
_CONTEXT = CryptContext(schemes=[*_OLD, "des_crypt"])
_MOST_ROUNDS = 2_000_000


@dataclass(frozen=True)
class PasswordHash:
    """A slow hash, of a password or of an older hash of it."""

    hash: str
    over: str = ""
    """The older hash without its digest, "" where there is none."""


def hashed(password: str) -> PasswordHash:
    """Hash a password; raise ValueError if it is too short."""
    if len(password) < SHORTEST:
        raise ValueError(f"the password is too short: take at least {SHORTEST} characters.")
    return PasswordHash(_HASHER.hash(password))


def taken_over(old_hash: str) -> PasswordHash:
    """Take over a hash of an htpasswd file or of pypicloud; raise ValueError, which never quotes it."""
    if old_hash.startswith("$argon2"):
        return _argon2(old_hash)
    if found := _BCRYPT.fullmatch(old_hash):
        return _bcrypt(old_hash, int(found[1]))
    scheme = _CONTEXT.identify(old_hash)
    if scheme is None:
        raise ValueError(
            "this is no password hash that Wheelyard knows: it takes argon2, bcrypt, sha512_crypt, sha256_crypt,"
            " MD5 of Apache and of crypt, pbkdf2 of passlib, {SHA} and DES."
        )
    _check_rounds(old_hash)
    if scheme == "des_crypt":
        return _wrapped(old_hash[:2], old_hash[2:])
    if scheme == "ldap_sha1":
        return _wrapped("{SHA}", old_hash[len("{SHA}") :])
    return _wrapped(*old_hash.rsplit("$", 1))


def _argon2(old_hash: str) -> PasswordHash:
    try:
        cost = argon2.extract_parameters(old_hash)
    except argon2.exceptions.InvalidHashError:
        raise ValueError("this is a damaged argon2 hash.") from None
    if cost.memory_cost > _MOST_MEMORY or cost.time_cost > _MOST_TIME:
        raise ValueError(f"this argon2 hash costs too much: at most {_MOST_MEMORY} KiB, {_MOST_TIME} passes.")
    return PasswordHash(old_hash)


def _bcrypt(old_hash: str, cost: int) -> PasswordHash:
    if cost in _STRONG_BCRYPT:
        return PasswordHash(old_hash)
    if cost > max(_STRONG_BCRYPT):
        raise ValueError(f"this bcrypt hash costs too much: at most {max(_STRONG_BCRYPT)}.")
    end = len("$2b$05$") + _BCRYPT_SALT
    return _wrapped(old_hash[:end], old_hash[end:])


def _check_rounds(old_hash: str) -> None:
    rounds = re.match(r"\$[56]\$rounds=(\d+)\$|\$pbkdf2-sha\d+\$(\d+)\$", old_hash)
    if rounds and int(rounds[1] or rounds[2]) > _MOST_ROUNDS:
        raise ValueError(f"this hash costs too much: at most {_MOST_ROUNDS} rounds.")


def _wrapped(settings: str, digest: str) -> PasswordHash:
    return PasswordHash(_HASHER.hash(digest), settings)
