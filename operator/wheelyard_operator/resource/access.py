"""Who may do what, as resources say it, and how an index limits what others say."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wheelyard_operator.resource.meta import Manifest

_EVERYTHING = ("*",)


@dataclass(frozen=True)
class Grant:
    """Rights on packages; the subjects of an IndexUser's own grants are that user."""

    subjects: tuple[str, ...]
    packages: tuple[str, ...]
    verbs: tuple[str, ...]
    within: tuple[str, ...] = _EVERYTHING
    """Globs as `packages` are: of whoever limits this grant. Both must match."""

    @classmethod
    def parse(cls, body: Manifest, subjects: tuple[str, ...] = ()) -> Grant:
        """Take it from a resource."""
        return cls(
            subjects=subjects or tuple(body["subjects"]),
            packages=tuple(body.get("packages", _EVERYTHING)),
            verbs=tuple(body["verbs"]),
        )

    def __str__(self) -> str:
        limit = "" if self.within == _EVERYTHING else f" (within {', '.join(self.within)})"
        return f"{', '.join(self.verbs)}: {', '.join(self.packages)}{limit}"


@dataclass(frozen=True)
class Maximum:
    """What IndexUsers of other namespaces may give themselves at most, besides what an index gives them."""

    groups: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()

    @classmethod
    def parse(cls, body: Manifest) -> Maximum:
        """Take it from `spec.access.users.maximum`."""
        return cls(
            groups=tuple(body.get("groups", ())),
            # Of nobody: they allow nothing by themselves.
            grants=tuple(Grant.parse(each, ("",)) for each in body.get("grants", ())),
        )

    def limit(self, grant: Grant) -> list[Grant]:
        """Give what is left of a grant."""
        shared = ((allowed, _shared(grant.verbs, allowed.verbs)) for allowed in self.grants)
        return [replace(grant, verbs=verbs, within=allowed.packages) for allowed, verbs in shared if verbs]

    def exceeded_by(self, grant: Grant) -> bool:
        """Tell whether a grant asks for more."""
        return not all(self._covers(verb, glob) for verb in grant.verbs for glob in grant.packages)

    def _covers(self, verb: str, glob: str) -> bool:
        allowed = (each for grant in self.grants if verb in grant.verbs for each in grant.packages)
        return any(includes(each, glob) for each in allowed)


def includes(outer: str, inner: str) -> bool:
    """Tell whether a glob matches all names that another one matches."""
    # Read as a text, the inner glob stands for its names: a star of it is only ever met by an outer star.
    wildcards = {"*": ".*", "?": "[^*]"}
    pattern = "".join(wildcards.get(char) or re.escape(char) for char in outer)
    return re.fullmatch(pattern, inner) is not None


def _shared(one: Iterable[str], two: Iterable[str]) -> tuple[str, ...]:
    return tuple(verb for verb in one if verb in set(two))
