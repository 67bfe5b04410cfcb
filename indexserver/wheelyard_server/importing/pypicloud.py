"""pypicloud: the rules of its configuration file, and the dump of its `ppc-export`.

https://pypicloud.readthedocs.io/en/latest/topics/access_control.html. In pypicloud, the default
permissions do not apply to a package with rules of its own. Grants of this index add up, so the
defaults are omitted if they would widen permissions, and a note says so.
"""

import configparser
import gzip
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from packaging.utils import canonicalize_name

from wheelyard_server.access.rules import Verb
from wheelyard_server.errors import InvalidSettingsError
from wheelyard_server.importing.accounts import READ, WRITE, Account, Accounts, Packages, Right

_SPECIAL = {"everyone": "anonymous", "authenticated": "authenticated"}
_GZIP = b"\x1f\x8b"

Permissions = dict[str, dict[str, tuple[str, ...]]]
"""Permissions by package, then by user or group."""


class _User(msgspec.Struct):
    username: str
    password: str = ""
    admin: bool = False


class _Packages(msgspec.Struct):
    users: Permissions = {}
    groups: Permissions = {}


class Dump(msgspec.Struct):
    """A dump of `ppc-export`."""

    users: tuple[_User, ...]
    groups: dict[str, tuple[str, ...]] = {}
    packages: _Packages = msgspec.field(default_factory=_Packages)
    pending_users: tuple[Any, ...] = ()
    default_read: tuple[str, ...] = ()
    """This and the next field exist in the configuration file only."""
    default_write: tuple[str, ...] = ()


def parse_dump(content: bytes) -> Accounts:
    """Parse a dump, compressed or not; raise `InvalidSettingsError`."""
    try:
        text = gzip.decompress(content) if content.startswith(_GZIP) else content
        return accounts(msgspec.json.decode(text, type=Dump))
    except (msgspec.MsgspecError, OSError, EOFError, ValueError) as error:
        raise InvalidSettingsError(f"this is not a dump of ppc-export: {error}") from error


def parse_config(text: str) -> Accounts:
    """Parse a configuration file; raise `InvalidSettingsError`."""
    parser = configparser.RawConfigParser()
    setattr(parser, "optionxform", str)  # noqa: B010 - user names have capitals; mypy regards it as a method
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise InvalidSettingsError(f"this is not a configuration file: {str(error).splitlines()[0]}") from None
    settings = {
        key: value for name in parser.sections() if name.startswith("app:") for key, value in parser.items(name)
    }
    return accounts(_dump(settings))


def accounts(dump: Dump) -> Accounts:
    """Return the accounts in the terms of this index."""
    packages, closed = Packages(), {*dump.packages.users, *dump.packages.groups}
    for kind, permissions in (("user", dump.packages.users), ("group", dump.packages.groups)):
        for package, rules in permissions.items():
            for name, rights in rules.items():
                if verbs := _verbs(rights):
                    packages.add(f"{kind}:{name}", verbs, canonicalize_name(package))
    grants = [(_subject(name), right) for name in _groups(dump) for right in packages.rights(f"group:{name}")]
    defaults = [
        (_subject(name), Right(verbs))
        for names, verbs in ((dump.default_read, READ), (dump.default_write, WRITE))
        for name in names
    ]
    left_out = bool(defaults and closed)
    users = tuple(_account(user, dump, packages.rights(f"user:{user.username}")) for user in dump.users)
    return Accounts(users, tuple(grants if left_out else [*grants, *defaults]), _notes(dump, defaults, closed))


def _account(user: _User, dump: Dump, rights: tuple[Right, ...]) -> Account:
    groups = frozenset(group for group, members in dump.groups.items() if user.username in members)
    return Account(user.username, user.password, groups, (Right(tuple(Verb)),) if user.admin else rights)


def _notes(dump: Dump, defaults: Iterable[tuple[str, Right]], closed: Iterable[str]) -> tuple[str, ...]:
    notes = []
    if dump.pending_users:
        notes.append(f"{len(dump.pending_users)} users who wait for approval were omitted.")
    if defaults and closed:
        rights = "; ".join(f"{subject}: {', '.join(right.verbs)}" for subject, right in defaults)
        notes.append(
            f"The default permissions ({rights}) were omitted: in pypicloud they did not apply to"
            f" {', '.join(sorted(closed)[:10])}, which have rules of their own, but here they would."
            " Grant them on other packages by hand."
        )
    return tuple(notes)


def _groups(dump: Dump) -> list[str]:
    named = (name for rules in dump.packages.groups.values() for name in rules)
    return sorted({*named})


def _subject(group: str) -> str:
    return _SPECIAL.get(group, f"group:{group}")


def _verbs(permissions: Iterable[str]) -> tuple[Verb, ...]:
    if "write" in permissions:
        return WRITE if "read" in permissions else tuple(verb for verb in WRITE if verb is not Verb.READ)
    return READ if "read" in permissions else ()


def _dump(settings: Mapping[str, str]) -> Dump:
    admins = settings.get("auth.admins", "").split()
    users = [
        _User(key.removeprefix("user."), value, key.removeprefix("user.") in admins)
        for key, value in settings.items()
        if key.startswith("user.")
    ]
    groups = {
        key.removeprefix("group."): tuple(value.split())
        for key, value in settings.items()
        if key.startswith("group.")
    }
    packages = _Packages({}, {})
    for key, value in settings.items():
        match key.split("."):
            case ["package", package, "user", name]:
                packages.users.setdefault(package, {})[name] = _long(value)
            case ["package", package, "group", name]:
                packages.groups.setdefault(package, {})[name] = _long(value)
            case _:
                continue
    return Dump(
        users=tuple(users),
        groups=groups,
        packages=packages,
        default_read=tuple(settings.get("pypi.default_read", "authenticated").split()),
        default_write=tuple(settings.get("pypi.default_write", "").split()),
    )


def _long(permissions: str) -> tuple[str, ...]:
    if len(permissions) > len("rw"):
        return tuple(permissions.split())
    return tuple(word for letter, word in (("r", "read"), ("w", "write")) if letter in permissions)
