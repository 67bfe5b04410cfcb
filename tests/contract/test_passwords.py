"""Whatever password hashes the operator makes or takes over, the server verifies."""

import bcrypt
import pytest
from passlib import hash as formats

from wheelyard_operator.passwords import SHORTEST, hashed, taken_over
from wheelyard_server.access.file import Password
from wheelyard_server.access.password_hashes import fits

RIGHT = "correct h\u00f6rse"
OLD = {
    "sha512_crypt": formats.sha512_crypt.using(rounds=6000).hash(RIGHT),
    "sha512_crypt with its usual rounds": formats.sha512_crypt.using(rounds=5000).hash(RIGHT),
    "pypicloud": formats.sha512_crypt.using(rounds=20500).hash(RIGHT),
    "sha256_crypt": formats.sha256_crypt.using(rounds=6000).hash(RIGHT),
    "Apache's MD5": formats.apr_md5_crypt.hash(RIGHT),
    "crypt's MD5": formats.md5_crypt.hash(RIGHT),
    "SHA": formats.ldap_sha1.hash(RIGHT),
    "DES": formats.des_crypt.hash(RIGHT),
    "pbkdf2_sha256": formats.pbkdf2_sha256.using(rounds=1000).hash(RIGHT),
    "pbkdf2_sha512": formats.pbkdf2_sha512.using(rounds=1000).hash(RIGHT),
    "weak bcrypt": bcrypt.hashpw(RIGHT.encode(), bcrypt.gensalt(5)).decode(),
    "htpasswd's bcrypt": bcrypt.hashpw(RIGHT.encode(), bcrypt.gensalt(5)).decode().replace("$2b$", "$2y$"),
    "bcrypt": bcrypt.hashpw(RIGHT.encode(), bcrypt.gensalt(10)).decode(),
    "argon2": formats.argon2.using(memory_cost=1024, rounds=1, parallelism=1).hash(RIGHT),
}
AS_THEY_ARE = {"bcrypt", "argon2"}


def test_a_password_itself() -> None:
    made = hashed(RIGHT)
    assert made.over == ""
    assert fits(Password(hash=made.hash), RIGHT)
    assert not fits(Password(hash=made.hash), "another horse")


@pytest.mark.parametrize("name", OLD)
def test_an_old_hash(name: str) -> None:
    made = taken_over(OLD[name])
    stored = Password(hash=made.hash, over=made.over)
    assert fits(stored, RIGHT)
    assert not fits(stored, "another horse")
    assert (made.hash == OLD[name]) is (name in AS_THEY_ARE)
    digest = OLD[name].rpartition("$")[2][-11:]
    assert (digest in f"{made.hash}{made.over}") is (name in AS_THEY_ARE), "no weak hash goes further"


@pytest.mark.parametrize(
    ("old", "says"),
    [
        ("", "no password hash that Wheelyard knows"),
        ("plain text", "no password hash that Wheelyard knows"),
        ("$7$something", "no password hash that Wheelyard knows"),
        ("$2b$10$short", "no password hash that Wheelyard knows"),
        ("{SSHA}X69orcnCmg+C9MgbcnavWFvPQC9CiBGi", "no password hash that Wheelyard knows"),
        ("$argon2id$v=19$broken", "damaged"),
        ("$argon2id$v=19$m=4194304,t=3,p=4$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "costs too much"),
        ("$2b$31$" + "a" * 53, "costs too much"),
        (f"$6$rounds=999999999$salt${'a' * 86}", "costs too much"),
        (f"$pbkdf2-sha256$999999999$c2FsdA${'a' * 43}", "costs too much"),
    ],
)
def test_what_cannot_be_taken_over(old: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        taken_over(old)
    assert len(old) < 8 or old[3:] not in str(refused.value)


def test_short_passwords_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 characters"):
        hashed("x" * (SHORTEST - 1))
    assert hashed("x" * SHORTEST)
