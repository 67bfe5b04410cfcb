"""Whatever password hashes the operator makes or takes over, the server verifies."""

import base64
import dataclasses
from typing import Any

import argon2
import bcrypt
import pytest
from passlib import hash as formats
from passlib.registry import get_crypt_handler as passlib_registry

from wheelyard_operator import password_costs as operator_costs
from wheelyard_operator.passwords import (
    _OLD,
    MAX_PASSWORD_BYTES,
    MIN_PASSWORD_LENGTH,
    PasswordHash,
    hashed,
    is_affordable,
    taken_over,
)
from wheelyard_server.access import password_costs as server_costs
from wheelyard_server.access import passwords
from wheelyard_server.access.accepted_users import AcceptedUsers
from wheelyard_server.access.access_file import AccessFile, Password, User
from wheelyard_server.access.password_costs import check
from wheelyard_server.access.password_hashes import affordable, fits

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


def _with_rounds(handler: Any, rounds: int) -> str:
    """Return a hash with these rounds, without making it: the digest is of another one."""
    made = handler.using(rounds=1000, salt=b"saltsalt" if "pbkdf2" in handler.name else "saltsalt").hash(RIGHT)
    return str(made.replace("1000", str(rounds), 1))


AS_THEY_ARE = {"bcrypt", "argon2"}


def test_the_server_accepts_a_password_that_the_operator_hashed() -> None:
    made = hashed(RIGHT)
    assert made.over == ""
    assert fits(Password(hash=made.hash), RIGHT)
    assert not fits(Password(hash=made.hash), "another horse")


@pytest.mark.parametrize("name", OLD)
def test_the_server_accepts_a_password_by_its_imported_hash(name: str) -> None:
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
        (f"$pbkdf2-sha256$999999999$c2FsdA${'A' * 43}", "costs too much"),
    ],
)
def test_a_hash_that_cannot_be_imported_is_refused(old: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        taken_over(old)
    assert len(old) < 8 or old[3:] not in str(refused.value)


SALT, DIGEST = "c2FsdHNhbHQ", "A" * 22
OURS = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$" + DIGEST


def argon2_hash(m: int = 1024, t: int = 1, p: int = 1, salt: int = 8, digest: int = 16) -> str:
    salted, digested = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (salt, digest))
    return f"$argon2id$v=19$m={m},t={t},p={p}${salted}${digested}"


COSTS: dict[str, tuple[str, str]] = {
    "argon2 memory": (argon2_hash(m=65536), argon2_hash(m=65537)),
    "argon2 passes": (argon2_hash(t=16), argon2_hash(t=17)),
    "argon2 memory times passes": (argon2_hash(m=65536, t=3), argon2_hash(m=65536, t=4)),
    "argon2 lanes": (argon2_hash(p=4), argon2_hash(p=5)),
    "argon2 salt": (argon2_hash(salt=64), argon2_hash(salt=65)),
    "argon2 digest": (argon2_hash(digest=64), argon2_hash(digest=65)),
    "bcrypt cost": ("$2b$12$" + "a" * 53, "$2b$13$" + "a" * 53),
    **{
        f"{handler.name} rounds": (_with_rounds(handler, rounds), _with_rounds(handler, rounds + 1))
        for handler, rounds in (
            (formats.sha512_crypt, 200_000),
            (formats.sha256_crypt, 200_000),
            (formats.pbkdf2_sha256, 600_000),
            (formats.pbkdf2_sha512, 600_000),
        )
    },
    "length": (argon2_hash(), argon2_hash() + "A" * 512),
}
"""The most that is taken of each parameter that decides what verifying a foreign hash costs, and one more."""


@pytest.mark.parametrize("parameter", COSTS)
def test_both_programs_have_the_same_bound_for_each_cost(parameter: str) -> None:
    most, more = COSTS[parameter]
    taken = taken_over(most)
    check(taken.hash, taken.over)
    with pytest.raises(ValueError, match=r"costs too much|at most|too long"):
        taken_over(more)
    as_server = (OURS, more.rpartition("$")[0]) if taken.over else (more, "")
    with pytest.raises(ValueError, match=r"costs too much|at most|too long"):
        check(*as_server)


def test_no_cost_is_left_out() -> None:
    """Every parameter of the formats that are taken: those of passlib say which they have."""
    has_rounds = {name for name in _OLD if "rounds" in passlib_registry(name).setting_kwds}
    assert {f"{name} rounds" for name in has_rounds} == {each for each in COSTS if each.endswith(" rounds")}
    assert {"memory_cost", "time_cost", "parallelism", "salt_len", "hash_len", "type", "version"} == {
        each.name for each in dataclasses.fields(argon2.Parameters)
    }


def test_both_programs_have_the_same_constants() -> None:
    names = [name for name in vars(operator_costs) if name.startswith("MAX_")]
    assert len(names) > 8
    assert [getattr(server_costs, name) for name in names] == [getattr(operator_costs, name) for name in names]


TWO_READINGS = [
    f"$argon2id$v=19$m=+1024,t=1,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=01024,t=1,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=1_024,t=1,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=4194304,t=1,p=1,m=1024${SALT}${DIGEST}",
    f"$argon2id$v=19$t=1,m=1024,p=1${SALT}${DIGEST}",
    f"$argon2id$m=1024,t=1,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=1024,t=1,p=1${SALT}=${DIGEST}",
    f"$argon2id$v=19$m=1024,t=1,p=1${SALT}${DIGEST[:-1]}B",
    f"$argon2id$v=19$m=1024,t=1,p=1${SALT}${DIGEST}$m=4194304",
    f"$argon2id$v=19$m=1024,t=1,p=1${SALT}${DIGEST}\n",
    f"$6$rounds=+6000$salt${'a' * 86}",
    f"$6$rounds=06000$salt${'a' * 86}",
    f"$pbkdf2-sha256$ 1000$c2FsdA${'A' * 43}",
    "$2b$\u0661\u0660$" + "a" * 53,
]


@pytest.mark.parametrize("text", TWO_READINGS)
def test_an_archive_that_can_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"damaged|not written as|not have the form|no password hash"):
        taken_over(text)
    if "argon2" in text or "$2b" in text:
        with pytest.raises(ValueError, match=r"damaged|not written as|not have the form"):
            check(text)


@pytest.mark.parametrize("name", OLD)
def test_imported_accounts_are_accepted_by_the_server(name: str) -> None:
    taken = taken_over(OLD[name])
    assert is_affordable(taken)
    assert affordable("ci.jenkins", [Password(hash=taken.hash, over=taken.over)])


def test_the_server_drops_a_hash_that_costs_too_much_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    good, bad = Password(hash=hashed(RIGHT).hash), Password(hash=COSTS["argon2 lanes"][1])
    users = (User(name="ci.good", passwords=(good,)), User(name="ci.bad", passwords=(bad, good)))
    accepted_users = AcceptedUsers(AccessFile(users=users))
    assert accepted_users.passwords == {"ci.good": (good,), "ci.bad": (good,)}
    assert "A password of ci.bad is ignored: this argon2 hash costs too much: at most 4 lanes" in caplog.text
    assert bad.hash not in caplog.text


def test_a_hash_of_before_the_bounds_is_affordable_no_more() -> None:
    assert not is_affordable(PasswordHash("$2b$15$" + "a" * 53))
    assert is_affordable(taken_over(OLD["pypicloud"]))


def test_short_passwords_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8 characters"):
        hashed("x" * (MIN_PASSWORD_LENGTH - 1))
    assert hashed("x" * MIN_PASSWORD_LENGTH)


def test_passwords_that_servers_refuse_for_their_length_are_refused_when_they_are_chosen() -> None:
    assert MAX_PASSWORD_BYTES == passwords.MAX_PASSWORD_BYTES
    with pytest.raises(ValueError, match="at most 256 bytes"):
        hashed("ü" * (MAX_PASSWORD_BYTES // 2) + "x")
    assert hashed("ü" * (MAX_PASSWORD_BYTES // 2))
