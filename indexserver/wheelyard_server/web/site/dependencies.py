"""The dependencies of a distribution, by the extra that asks for them (Requires-Dist)."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wheelyard_server.names import NormalizedName
from wheelyard_server.web.site import words

MAX_DEPENDENCIES = 200
"""Dependencies that a page shows."""
_MAX_LENGTH = 500
"""Characters of one that is parsed: a longer one is shown as it is."""
_EXTRA = re.compile(r"""extra == "([^"]{1,100})\"""")
_ONLY_EXTRA = re.compile(rf"(?:^| and ){_EXTRA.pattern}$")


class Dependency(NamedTuple):
    """One requirement."""

    label: str
    """The name as it is spelled; the whole requirement if it cannot be read."""
    name: NormalizedName | None
    """None if it cannot be read."""
    rest: str
    """The versions and conditions, which follow the label directly."""


class Group(NamedTuple):
    """The dependencies that one extra adds."""

    extra: str
    """"" for those that are always installed."""
    dependencies: tuple[Dependency, ...]


class Dependencies(NamedTuple):
    """The dependencies that a page shows."""

    groups: tuple[Group, ...] = ()
    """Those that are always installed come first."""
    omitted: int = 0
    """How many more there are."""

    @property
    def names(self) -> frozenset[NormalizedName]:
        """Return the names of the projects."""
        return frozenset(each.name for group in self.groups for each in group.dependencies if each.name)


def dependencies(required: Sequence[str]) -> Dependencies:
    """Return the dependencies of the Requires-Dist fields of a distribution."""
    found: dict[str, list[Dependency]] = {}
    for each in required[:MAX_DEPENDENCIES]:
        extra, dependency = _parsed(each)
        found.setdefault(extra, []).append(dependency)
    groups = tuple(Group(extra, tuple(each)) for extra, each in _in_order(found.items()))
    return Dependencies(groups, max(0, len(required) - MAX_DEPENDENCIES))


def _in_order(groups: Iterable[tuple[str, list[Dependency]]]) -> list[tuple[str, list[Dependency]]]:
    return sorted(groups, key=lambda each: each[0])


def _parsed(text: str) -> tuple[str, Dependency]:
    try:
        required = Requirement(text) if len(text) <= _MAX_LENGTH else None
    except (InvalidRequirement, ValueError, RecursionError):
        required = None
    if required is None:
        return "", Dependency(words.line(text), None, "")
    marker = str(required.marker or "")
    extra = _EXTRA.search(marker)
    name = canonicalize_name(required.name)
    rest = words.line(_rest(required, _ONLY_EXTRA.sub("", marker)))
    rest = rest if not rest or rest[0] in "[;" else f" {rest}"
    return words.line(extra[1]) if extra else "", Dependency(required.name, name, rest)


def _rest(required: Requirement, condition: str) -> str:
    extras = f"[{','.join(sorted(required.extras))}]" if required.extras else ""
    source = f" @ {required.url}" if required.url else ""
    versions = f" {required.specifier}" if required.specifier else ""
    return f"{extras}{versions}{source}{f'; {condition}' if condition else ''}"
