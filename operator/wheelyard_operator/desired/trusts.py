"""Who of an access file is trusted first: several users may name one CI job or ServiceAccount.

Index servers take the first in the file, which is the oldest, and those with rights before those without: whoever
names another team's job changes nothing for that team.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wheelyard_operator.resource.publishers import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wheelyard_operator.resource import Manifest

PUBLISHERS, IDENTITIES = "trustedPublishers", "identities"
_MOST = 2000
"""Older ones that are looked at for each identity: servers decide by all of them, this is only said to people."""


@dataclass(frozen=True)
class Trusts:
    """Users with the identities that they trust, in the order in which index servers look."""

    by_issuer: Mapping[tuple[str, str], tuple[tuple[str, Identity], ...]] = field(default_factory=dict)
    """By how they log in, and the issuer."""

    @classmethod
    def parse(cls, text: str) -> Trusts:
        """Take them from an access file; one that is damaged has none."""
        try:
            content = json.loads(text or "{}")
            found: dict[tuple[str, str], list[tuple[str, Identity]]] = {}
            for user in _in_order(content):
                for way in (PUBLISHERS, IDENTITIES):
                    for each in user.get(way, ()):
                        identity = Identity(each["issuer"], tuple(each["claims"].items()))
                        found.setdefault((way, identity.issuer), []).append((user["name"], identity))
        except (ValueError, LookupError, TypeError, AttributeError):
            return cls()
        return cls({key: tuple(each) for key, each in found.items()})

    def before(self, username: str, way: str, identity: Identity) -> str:
        """Give the user who is trusted before this one for some of an identity's tokens, "" if nobody is."""
        for name, other in self.by_issuer.get((way, identity.issuer), ())[:_MOST]:
            if name == username:
                return ""
            if other.overlaps(identity):
                return name
        return ""


def _in_order(content: Manifest) -> Iterable[Manifest]:
    """As `logins` of the index server has it."""
    grants = (*content.get("grants", ()), *content.get("externalGrants", ()))
    granted = {subject for grant in grants for subject in grant["subjects"]}
    for_all = any("authenticated" in grant["subjects"] and set(grant["verbs"]) != {"read"} for grant in grants)

    def has_none(user: Manifest) -> bool:
        own = {f"user:{user['name']}", *(f"group:{group}" for group in user["groups"])}
        return not for_all and own.isdisjoint(granted)

    return sorted(content.get("users", ()), key=has_none)
