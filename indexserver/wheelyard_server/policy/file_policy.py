"""The rules of an index about names and files of upstreams, as a value."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from wheelyard_server.model.mirror import Mirror
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.globs import pattern_of
from wheelyard_server.policy.rulebook import Rulebook
from wheelyard_server.settings.policy import NO_RULES, PolicyRules


class AllowedUpstream(NamedTuple):
    """An upstream that is configured, and the names that it is asked for."""

    name: str
    url: str
    """URL of its simple API, with a slash at the end."""
    packages: tuple[str, ...] = ("*",)
    """Globs on normalized names."""


@dataclass(frozen=True)
class FilePolicy:
    """Decides about names. `Judge` decides about files."""

    upstreams: tuple[AllowedUpstream, ...] = ()
    """In order: the first that has a name owns it."""
    private: tuple[str, ...] = ()
    """Globs on normalized names that no upstream is asked for."""
    rules: PolicyRules = NO_RULES
    """The rules about files, see `Judge`."""
    index: str = ""
    """`<namespace>/<name>` of the index, for sentences; "" outside a cluster."""

    @cached_property
    def rulebook(self) -> Rulebook:
        """Return the rules by name and by digest."""
        return Rulebook(self.rules)

    def compile(self) -> None:
        """Compile the globs of all rules. It takes a second for a large file, so the event loop should not."""
        _ = self.rulebook

    def is_private(self, name: str) -> bool:
        """Return whether no upstream is ever asked for this name, whether it exists here or not."""
        return self._private.fullmatch(name) is not None

    def allows(self, upstream: str, name: str) -> bool:
        """Return whether an upstream may be asked for a name."""
        allowed = self._by_name.get(upstream)
        return allowed is not None and allowed.names.fullmatch(name) is not None and not self.is_private(name)

    def upholds(self, owner: str, mirror: Mirror, name: str) -> bool:
        """Return whether the owner of a mirror is still an upstream for this name, at the same URL."""
        return self._upheld(owner, mirror.url, name)

    def order(self, name: NormalizedName) -> tuple[str, ...]:
        """Return the upstreams that are asked for a name, in order."""
        return tuple(each.name for each in self.upstreams if self.allows(each.name, name))

    @cached_property
    def _upheld(self) -> Callable[[str, str, str], bool]:
        """Return a function that remembers its results: each request for a mirror asks."""

        @lru_cache(4096)
        def is_upheld(owner: str, url: str, name: str) -> bool:
            allowed = self._by_name.get(owner)
            return allowed is not None and allowed.url == url and self.allows(owner, name)

        return is_upheld

    @cached_property
    def _private(self) -> re.Pattern[str]:
        return pattern_of(self.private)

    @cached_property
    def _by_name(self) -> "dict[str, _Allowed]":
        return {each.name: _Allowed(each.url, pattern_of(each.packages)) for each in self.upstreams}


class _Allowed(NamedTuple):
    url: str
    names: re.Pattern[str]


NO_UPSTREAMS = FilePolicy()
