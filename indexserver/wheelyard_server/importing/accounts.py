"""Users and permissions of another index, in the terms of this one."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from wheelyard_server.access.rules import Verb

READ = (Verb.READ,)
WRITE = (Verb.READ, Verb.PUBLISH, Verb.YANK)
"""Without delete: a deletion cannot be undone, so that permission is granted by hand."""

EVERYTHING = ("*",)


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on packages, whose names are normalized."""

    verbs: tuple[Verb, ...]
    packages: tuple[str, ...] = EVERYTHING


@dataclass(frozen=True, slots=True)
class Account:
    """A user."""

    name: str
    password_hash: str
    groups: frozenset[str] = frozenset()
    rights: tuple[Right, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounts:
    """All accounts of an index."""

    users: tuple[Account, ...] = ()
    grants: tuple[tuple[str, Right], ...] = ()
    """Permissions of `anonymous`, `authenticated` and `group:NAME`."""
    notes: tuple[str, ...] = ()
    """Notes for a person about omitted parts."""


@dataclass
class Packages:
    """Collects permissions on single packages, and merges those with the same verbs."""

    found: dict[str, dict[tuple[Verb, ...], set[str]]] = field(default_factory=dict)

    def add(self, who: str, verbs: Iterable[Verb], package: str) -> None:
        """Add a permission."""
        self.found.setdefault(who, {}).setdefault(tuple(verbs), set()).add(package)

    def rights(self, who: str) -> tuple[Right, ...]:
        """Return all permissions of a subject."""
        return tuple(Right(verbs, tuple(sorted(packages))) for verbs, packages in self.found.get(who, {}).items())
