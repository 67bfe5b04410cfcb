"""What of a user's wishes counts at an index, and what the user may do there in all."""

from dataclasses import dataclass

from wheelyard_operator.resource.access import Grant
from wheelyard_operator.resource.index import PackageIndex
from wheelyard_operator.resource.user import IndexUser


@dataclass(frozen=True)
class Rights:
    """A user's groups and own grants, as far as the index lets them count."""

    groups: tuple[str, ...]
    grants: tuple[Grant, ...]


def rights(index: PackageIndex, user: IndexUser) -> Rights:
    """Take a user of the index's own namespace by its word, and others within the index's maximum."""
    if user.meta.namespace == index.meta.namespace:
        return Rights(user.groups, user.grants)
    maximum = index.maximum
    return Rights(
        groups=tuple(group for group in user.groups if group in maximum.groups),
        grants=maximum.limit(user.grants),
    )


def refused(index: PackageIndex, user: IndexUser) -> tuple[str, ...]:
    """Return the requests beyond a user's rights, as text. This costs more than the rights: it compares globs."""
    if user.meta.namespace == index.meta.namespace:
        return ()
    strange_groups = [f"group {group}" for group in user.groups if group not in index.maximum.groups]
    return (*strange_groups, *(str(grant) for grant in index.maximum.exceeded_by(user.grants)))


def all_grants(index: PackageIndex, user: IndexUser) -> tuple[Grant, ...]:
    """Return every grant that means this user once logged in, from whomever it comes."""
    own = rights(index, user)
    subjects = {"anonymous", "authenticated", f"user:{user.username}", *(f"group:{group}" for group in own.groups)}
    return (*(grant for grant in index.grants if not subjects.isdisjoint(grant.subjects)), *own.grants)
