"""Who could do what at another index, in the words of this one."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from wheelyard_server.access.rules import Verb

READ = (Verb.READ,)
WRITE = (Verb.READ, Verb.PUBLISH, Verb.YANK)
"""Not delete: nothing brings a deleted file back, so that right is given by hand."""

EVERYTHING = ("*",)


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on packages, whose names are normalised."""

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
    """All of an index."""

    users: tuple[Account, ...] = ()
    grants: tuple[tuple[str, Right], ...] = ()
    """Rights of `anonymous`, `authenticated` and `group:NAME`."""
    notes: tuple[str, ...] = ()
    """What a person should know of what was left out."""


@dataclass
class Packages:
    """Collects rights on single packages into few: all packages with the same verbs are one."""

    found: dict[str, dict[tuple[Verb, ...], set[str]]] = field(default_factory=dict)

    def add(self, who: str, verbs: Iterable[Verb], package: str) -> None:
        """Add a right."""
        self.found.setdefault(who, {}).setdefault(tuple(verbs), set()).add(package)

    def rights(self, who: str) -> tuple[Right, ...]:
        """Return all rights of somebody."""
        return tuple(Right(verbs, tuple(sorted(packages))) for verbs, packages in self.found.get(who, {}).items())
