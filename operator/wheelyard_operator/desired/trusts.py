"""Who of an access file is trusted first: several users may name one CI job or ServiceAccount.

Index servers take the first in the file, which is the oldest, and those with rights before those without. A job
that another user with rights has in force does not come into the file for a second one, however old that is. So
whoever names another team's job changes nothing for that team.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wheelyard_operator.resource import Manifest
from wheelyard_operator.resource.publishers import Identity

PUBLISHERS, IDENTITIES = "trustedPublishers", "identities"
_MOST = 2000
"""Older ones that are looked at for each identity: servers decide by all of them, this is only said to people."""


@dataclass(frozen=True)
class Trusts:
    """Users with the identities that they trust, in the order in which index servers look."""

    by_issuer: Mapping[tuple[str, str], tuple[tuple[str, Identity], ...]] = field(default_factory=dict)
    """By how they log in, and the issuer."""
    without_rights: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Trusts":
        """Take them from an access file; one that is damaged has none."""
        try:
            content = json.loads(text or "{}")
            found: dict[tuple[str, str], list[tuple[str, Identity]]] = {}
            has_none = _without_rights(content)
            users = sorted(content.get("users", ()), key=has_none)
            for user in users:
                for way in (PUBLISHERS, IDENTITIES):
                    for each in user.get(way, ()):
                        identity = Identity(each["issuer"], tuple(each["claims"].items()))
                        found.setdefault((way, identity.issuer), []).append((user["name"], identity))
        except (ValueError, LookupError, TypeError, AttributeError):
            return cls()
        return cls(
            {key: tuple(each) for key, each in found.items()},
            frozenset(user["name"] for user in users if has_none(user)),
        )

    def holder(self, username: str, publisher: Identity) -> str:
        """Return another user with rights who has some of a publisher's jobs in force, "" if nobody has."""
        for name, other in self.by_issuer.get((PUBLISHERS, publisher.issuer), ()):
            if name != username and name not in self.without_rights and other.overlaps(publisher):
                return name
        return ""

    def count(self, publisher: Identity) -> int:
        """Return how many publishers `holder` may have to look at."""
        return len(self.by_issuer.get((PUBLISHERS, publisher.issuer), ()))

    def before(self, username: str, way: str, identity: Identity) -> str:
        """Return the user who is trusted before this one for some of an identity's tokens, "" if nobody is."""
        for name, other in self.by_issuer.get((way, identity.issuer), ())[:_MOST]:
            if name == username:
                return ""
            if other.overlaps(identity):
                return name
        return ""


def _without_rights(content: Manifest) -> Callable[[Manifest], bool]:
    """Return what tells whether a user has none, as `logins` of the index server has it."""
    grants = (*content.get("grants", ()), *content.get("externalGrants", ()))
    granted = {subject for grant in grants for subject in grant["subjects"]}
    for_all = any("authenticated" in grant["subjects"] and set(grant["verbs"]) != {"read"} for grant in grants)

    def has_none(user: Manifest) -> bool:
        own = {f"user:{user['name']}", *(f"group:{group}" for group in user["groups"])}
        return not for_all and own.isdisjoint(granted)

    return has_none
