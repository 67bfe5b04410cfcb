"""Grants of resources, and the maximum that an index sets for users of other namespaces."""

from collections.abc import Iterable
from dataclasses import dataclass

from wheelyard_operator.resource.globs import includes, is_bounded
from wheelyard_operator.resource.meta import Manifest

_EVERYTHING = ("*",)
_MAX_COMPARISONS = 1_000_000
"""Limits the cost of comparing one user's grants with the maximum, in pairs of characters."""


@dataclass(frozen=True)
class Grant:
    """Rights on packages. The only subject of an IndexUser's own grant is that user."""

    subjects: tuple[str, ...]
    packages: tuple[str, ...]
    verbs: tuple[str, ...]
    within: tuple[str, ...] = _EVERYTHING
    """Globs of the maximum that limits this grant. A package must match these and `packages`."""
    ignored: tuple[str, ...] = ()
    """Globs beyond the bounds, in a resource that is older than the bounds. They have no effect."""

    @classmethod
    def parse(cls, body: Manifest, subjects: tuple[str, ...] = ()) -> "Grant":
        """Take it from a resource."""
        packages = tuple(body.get("packages", _EVERYTHING))
        return cls(
            subjects=subjects or tuple(body["subjects"]),
            packages=tuple(glob for glob in packages if is_bounded(glob)),
            verbs=tuple(body["verbs"]),
            ignored=tuple(glob for glob in packages if not is_bounded(glob)),
        )

    def __str__(self) -> str:
        limit = "" if self.within == _EVERYTHING else f" (within {', '.join(self.within)})"
        return f"{', '.join(self.verbs)}: {', '.join(self.packages) or 'nothing'}{limit}"


@dataclass(frozen=True)
class Maximum:
    """The most that IndexUsers of other namespaces can give themselves with their own groups and grants."""

    groups: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()

    @classmethod
    def parse(cls, body: Manifest) -> "Maximum":
        """Take it from `spec.access.users.maximum`."""
        return cls(
            groups=tuple(body.get("groups", ())),
            # With an empty subject: a maximum allows nothing by itself.
            grants=tuple(Grant.parse(each, ("",)) for each in body.get("grants", ())),
        )

    def limit(self, grants: Iterable[Grant]) -> tuple[Grant, ...]:
        """Return the part of a user's grants that is within the maximum. They all have the same subject.

        Each verb is in at most one of the results. Both lists are joined before they limit each
        other: that allows the same, and the result never has a grant for every pair of them.
        """
        grants = tuple(grants)
        left: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        for verb in dict.fromkeys(verb for grant in grants for verb in grant.verbs):
            packages, within = _packages(grants, verb), _packages(self.grants, verb)
            if packages and within:
                left.setdefault((packages, within), []).append(verb)
        return tuple(
            Grant(grants[0].subjects, packages, tuple(verbs), within) for (packages, within), verbs in left.items()
        )

    def exceeded_by(self, grants: Iterable[Grant]) -> tuple[Grant, ...]:
        """Return the grants of a user that exceed the maximum; all of them if comparing would cost too much."""
        grants = tuple(grants)
        if _length(grants) * _length(self.grants) > _MAX_COMPARISONS:
            return grants
        return tuple(grant for grant in grants if not self._covers(grant))

    def _covers(self, grant: Grant) -> bool:
        allowed = {verb: _packages(self.grants, verb) for verb in grant.verbs}
        return all(
            any(includes(each, glob) for each in allowed[verb]) for verb in grant.verbs for glob in grant.packages
        )


def _packages(grants: Iterable[Grant], verb: str) -> tuple[str, ...]:
    """Return all globs that the verb is granted on, each once."""
    found = dict.fromkeys(glob for grant in grants if verb in grant.verbs for glob in grant.packages)
    return _EVERYTHING if "*" in found else tuple(found)


def _length(grants: Iterable[Grant]) -> int:
    return sum(len(grant.verbs) * len(glob) for grant in grants for glob in grant.packages)
