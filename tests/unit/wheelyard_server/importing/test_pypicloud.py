import gzip
import json
from typing import Any

import pytest

from wheelyard_server.access.rules import Verb
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.importing.accounts import Account, Accounts, Right
from wheelyard_server.importing.pypicloud import parse_config, parse_dump

CONFIG = """
[app:main]
use = egg:pypicloud
pypi.default_read = everyone
pypi.default_write = developers
auth.admins =
    root
user.root = $6$rootshash
user.Alice = $6$alices%hash
user.bob = $2b$07$bobs
group.developers =
    Alice
    bob

[server:main]
port = 6543
"""
RULES = """
package.My_App.group.developers = rw
package.other.user.bob = r
package.third.user.bob = r
package.blind.group.authenticated = w
package.nothing.user.bob =
"""
READ, WRITE = (Verb.READ,), (Verb.READ, Verb.PUBLISH, Verb.YANK)


def by_name(accounts: Accounts) -> dict[str, Account]:
    return {user.name: user for user in accounts.users}


def test_a_configuration_is_imported() -> None:
    found = parse_config(CONFIG)
    users = by_name(found)
    assert users["Alice"] == Account("Alice", "$6$alices%hash", frozenset({"developers"}))
    assert users["root"].rights == (Right(tuple(Verb)),)
    assert found.grants == (("anonymous", Right(READ)), ("group:developers", Right(WRITE)))
    assert found.notes == ()


def test_rules_of_single_packages() -> None:
    found = parse_config(CONFIG.replace("[server:main]", f"{RULES}\n[server:main]"))
    assert by_name(found)["bob"].rights == (Right(READ, ("other", "third")),)
    assert found.grants == (
        ("authenticated", Right((Verb.PUBLISH, Verb.YANK), ("blind",))),
        ("group:developers", Right(WRITE, ("my-app",))),
    )


def test_defaults_that_would_widen_rights_are_left_out() -> None:
    (note,) = parse_config(CONFIG.replace("[server:main]", f"{RULES}\n[server:main]")).notes
    assert "anonymous: read; group:developers: read, publish, yank" in note
    assert "My_App, blind, nothing, other, third" in note


def dump(**changes: Any) -> dict[str, Any]:
    return {
        "allow_register": False,
        "version": "1.3.12",
        "groups": {"developers": ["alice"]},
        "users": [
            {"username": "alice", "admin": False, "groups": ["developers"], "password": "$6$hash"},
            {"username": "root", "admin": True, "groups": [], "password": "$6$hash"},
        ],
        "packages": {"users": {"app": {"alice": ["read", "write"]}}, "groups": {"app": {"everyone": ["read"]}}},
        "pending_users": [{"username": "eve", "password": "$6$hash"}],
        **changes,
    }


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_dump_is_imported(pack: Any) -> None:
    found = parse_dump(pack(json.dumps(dump()).encode()))
    users = by_name(found)
    assert users["alice"] == Account("alice", "$6$hash", frozenset({"developers"}), (Right(WRITE, ("app",)),))
    assert users["root"].rights == (Right(tuple(Verb)),)
    assert found.grants == (("anonymous", Right(READ, ("app",))),)
    assert found.notes == ("1 users who wait for approval were omitted.",)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\x1f\x8bnot", json.dumps(dump(users=[{}])).encode()])
def test_a_file_that_is_not_a_dump_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidSettingsError, match="not a dump of ppc-export"):
        parse_dump(content)


def test_a_file_that_is_not_a_configuration_is_refused() -> None:
    with pytest.raises(InvalidSettingsError, match="not a configuration file"):
        parse_config("user.alice = $6$secret")
