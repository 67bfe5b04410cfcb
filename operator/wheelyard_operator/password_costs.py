"""Limits the cost of verifying a password hash: it comes from one tenant, and all share its cost.

The other program has the same limits; tests/contract/test_passwords.py compares them. One
verification takes at most 300 ms of one processor. The parameters for this were measured once (on
2.6 GHz), so that no limit depends on a machine: 1 GiB of argon2 passes takes 1.2 s, a round of
sha512_crypt 1.2 us with the longest password and one of PBKDF2 0.4 us, and bcrypt of cost 10 takes
53 ms.

The verifying libraries parse the parameters, and the text must be the one that they would write: a
hash that two parsers could read differently is refused.
"""

import base64
import re

import argon2
from passlib import hash as formats

MAX_MEMORY_KIB = 64 * 1024
MAX_WORK_KIB = 192 * 1024
"""Memory times passes of argon2."""
MAX_WORK_OVER_KIB = 40 * 1024
"""The same for a hash of an older hash, which takes its own time."""
MAX_PASSES = 16
MAX_LANES = 4
"""Threads of one verification."""
MAX_SALT, MAX_DIGEST = 64, 64
"""Bytes of argon2's salt and digest."""
MAX_BCRYPT = 12
MAX_ROUNDS = {"$6$": 200_000, "$5$": 200_000, "$pbkdf2-sha256$": 600_000, "$pbkdf2-sha512$": 600_000}
MAX_LENGTH = 512
"""Characters of any hash."""

OLD = {
    "$6$": formats.sha512_crypt,
    "$5$": formats.sha256_crypt,
    "$apr1$": formats.apr_md5_crypt,
    "$1$": formats.md5_crypt,
    "$pbkdf2-sha256$": formats.pbkdf2_sha256,
    "$pbkdf2-sha512$": formats.pbkdf2_sha512,
}
BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
_BCRYPT_SETTINGS = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22}", re.ASCII)
_DES_SALT = re.compile(r"[./A-Za-z0-9]{2}", re.ASCII)
_TYPES = {argon2.Type.D: "argon2d", argon2.Type.I: "argon2i", argon2.Type.ID: "argon2id"}


def check(hashed: str, over: str = "") -> None:
    """Raise ValueError if a hash, also one of an older hash, is damaged or costs too much."""
    if len(hashed) > MAX_LENGTH or len(over) > MAX_LENGTH:
        raise ValueError(f"this hash is too long: at most {MAX_LENGTH} characters.")
    if not over and hashed.startswith("$2"):
        _check_bcrypt(BCRYPT.fullmatch(hashed))
        return
    _check_argon2(hashed, MAX_WORK_OVER_KIB if over else MAX_WORK_KIB)
    if over:
        _check_settings(over)


def memory_kib(hashed: str) -> int:
    """Return the memory for verifying a hash that has passed `check`."""
    return 0 if hashed.startswith("$2") else argon2.extract_parameters(hashed).memory_cost


def _check_argon2(text: str, work: int) -> None:
    try:
        cost = argon2.extract_parameters(text)
    except argon2.exceptions.InvalidHashError:
        raise ValueError("this is a damaged argon2 hash.") from None
    head = f"${_TYPES[cost.type]}$v=19$m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
    *_, salt, digest = text.split("$")
    if text != f"{head}${salt}${digest}" or not (_is_canonical(salt) and _is_canonical(digest)):
        raise ValueError("this argon2 hash does not have the form of argon2 itself, version 19.")
    if not (8 <= cost.salt_len <= MAX_SALT and 4 <= cost.hash_len <= MAX_DIGEST):
        raise ValueError(f"salt and digest of this argon2 hash must have at most {MAX_SALT} bytes each.")
    if not (0 < cost.parallelism <= MAX_LANES and 0 < cost.time_cost <= MAX_PASSES):
        raise ValueError(f"this argon2 hash costs too much: at most {MAX_LANES} lanes and {MAX_PASSES} passes.")
    if cost.memory_cost > MAX_MEMORY_KIB or cost.memory_cost * cost.time_cost > work:
        raise ValueError(
            f"this argon2 hash costs too much: at most {MAX_MEMORY_KIB} KiB, and {work} KiB times passes."
        )


def _is_canonical(text: str) -> bool:
    """Return whether a text is base 64 without padding and without unused bits."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return False
    return base64.b64encode(raw).decode().rstrip("=") == text


def _check_bcrypt(found: re.Match[str] | None) -> None:
    if found is None:
        raise ValueError("this is a damaged bcrypt hash.")
    if not 4 <= int(found[1]) <= MAX_BCRYPT:
        raise ValueError(f"this bcrypt hash costs too much: at most {MAX_BCRYPT}.")


def _check_settings(settings: str) -> None:
    if settings.startswith("$2"):
        _check_bcrypt(_BCRYPT_SETTINGS.fullmatch(settings))
        return
    for prefix, handler in OLD.items():
        if settings.startswith(prefix):
            rounds = getattr(handler.from_string(settings), "rounds", 0) or 0
            if rounds > MAX_ROUNDS.get(prefix, 0):
                raise ValueError(f"this hash costs too much: at most {MAX_ROUNDS[prefix]} rounds.")
            return
    if settings != "{SHA}" and not _DES_SALT.fullmatch(settings):
        raise ValueError("this is not an older hash format that Wheelyard supports.")
