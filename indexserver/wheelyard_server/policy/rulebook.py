"""The rules of a policy for one name, found once for all of its projects' revisions."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from wheelyard_server.policy.globs import ByName, pattern_of
from wheelyard_server.settings.policy import Denied, PolicyException, PolicyRules, Releases

MAX_KNOWN_NAMES = 4096


class RulesOfName(NamedTuple):
    """The entries of a policy whose globs match a name, in their order."""

    denied: tuple[Denied, ...]
    allowed: tuple[Releases, ...]
    exceptions: tuple[PolicyException, ...]
    needs_provenance: bool


class Rulebook:
    """A policy's rules by name, and by digest."""

    def __init__(self, rules: PolicyRules) -> None:
        self.rules = rules
        self.denied_digests: dict[str, list[Denied]] = {}
        """Entries by digest, in their order."""
        for entry in rules.deny:
            for digest in entry.sha256:
                self.denied_digests.setdefault(digest, []).append(entry)
        self.of: Callable[[str], RulesOfName] = lru_cache(MAX_KNOWN_NAMES)(self._of)
        self._denied = ByName((each.packages, each) for each in rules.deny)
        self._allowed = ByName((each.packages, each) for each in (rules.allow.releases if rules.allow else ()))
        self._exceptions = ByName((each.packages, each) for each in rules.exceptions)
        self._provenance = pattern_of(rules.provenance.packages)

    def _of(self, name: str) -> RulesOfName:
        return RulesOfName(
            self._denied.of(name),
            self._allowed.of(name),
            self._exceptions.of(name),
            self._provenance.fullmatch(name) is not None,
        )
