"""Grants as people read them."""

from typing import NamedTuple

from wheelyard_server.access.rules import Grant, Principal, Verb


class Right(NamedTuple):
    """Verbs on packages, for subjects."""

    subjects: tuple[str, ...]
    verbs: tuple[Verb, ...]
    packages: tuple[str, ...]
    within: tuple[str, ...]
    """Globs that limit the packages from outside; empty if nothing does."""

    @classmethod
    def of(cls, grant: Grant) -> "Right":
        """Return what a grant says, for all of its subjects."""
        within = () if "*" in grant.within else grant.within
        verbs = tuple(verb for verb in Verb if verb in grant.verbs)
        return cls(grant.subjects, verbs, grant.packages, within)

    def for_principal(self, principal: Principal) -> "Right":
        """Return the same right with the principal's own subjects alone."""
        return self._replace(subjects=tuple(each for each in self.subjects if each in principal.subjects))
