"""Decides which user a CI job or ServiceAccount logs in as, if several users name it.

Index servers take the first user in the file, which is the oldest, and users with rights before
those without. A job that is in force for a user with rights is not added to the file for a second
user, however old that user is. So naming another team's job changes nothing for that team.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wheelyard_operator.resource import Manifest
from wheelyard_operator.resource.publishers import TokenIdentity

PUBLISHERS, IDENTITIES = "trustedPublishers", "identities"
_MAX_COMPARED = 2000
"""Older users that are compared for each identity: only for messages; servers compare all."""


@dataclass(frozen=True)
class IdentityOrder:
    """Users with their identities, in the order of index servers."""

    by_issuer: Mapping[tuple[str, str], tuple[tuple[str, TokenIdentity], ...]] = field(default_factory=dict)
    """By the kind of identity, and the issuer."""
    without_rights: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "IdentityOrder":
        """Parse an access file; a damaged one has no users."""
        try:
            content = json.loads(text or "{}")
            found: dict[tuple[str, str], list[tuple[str, TokenIdentity]]] = {}
            has_none = _without_rights(content)
            users = sorted(content.get("users", ()), key=has_none)
            for user in users:
                for kind in (PUBLISHERS, IDENTITIES):
                    for each in user.get(kind, ()):
                        identity = TokenIdentity(each["issuer"], tuple(each["claims"].items()))
                        found.setdefault((kind, identity.issuer), []).append((user["name"], identity))
        except (ValueError, LookupError, TypeError, AttributeError):
            return cls()
        return cls(
            {key: tuple(each) for key, each in found.items()},
            frozenset(user["name"] for user in users if has_none(user)),
        )

    def holder(self, username: str, publisher: TokenIdentity) -> str:
        """Return another user with rights that has jobs of a publisher in force, "" for none."""
        for name, other in self.by_issuer.get((PUBLISHERS, publisher.issuer), ()):
            if name != username and name not in self.without_rights and other.overlaps(publisher):
                return name
        return ""

    def count(self, publisher: TokenIdentity) -> int:
        """Return how many publishers `holder` may have to compare."""
        return len(self.by_issuer.get((PUBLISHERS, publisher.issuer), ()))

    def preferred(self, username: str, kind: str, identity: TokenIdentity) -> str:
        """Return the user that some tokens of an identity log in as instead, "" for none."""
        for name, other in self.by_issuer.get((kind, identity.issuer), ())[:_MAX_COMPARED]:
            if name == username:
                return ""
            if other.overlaps(identity):
                return name
        return ""


def _without_rights(content: Manifest) -> Callable[[Manifest], bool]:
    """Return a predicate for users without rights, the same as that of index servers."""
    grants = (*content.get("grants", ()), *content.get("externalGrants", ()))
    granted = {subject for grant in grants for subject in grant["subjects"]}
    for_all = any("authenticated" in grant["subjects"] and set(grant["verbs"]) != {"read"} for grant in grants)

    def has_none(user: Manifest) -> bool:
        own = {f"user:{user['name']}", *(f"group:{group}" for group in user["groups"])}
        return not for_all and own.isdisjoint(granted)

    return has_none
