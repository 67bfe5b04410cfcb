"""The rights of a user at an index: what it requests for itself within limits, and all grants in total."""

from dataclasses import dataclass

from wheelyard_operator.resource.access import Grant
from wheelyard_operator.resource.index import PackageIndex
from wheelyard_operator.resource.user import IndexUser


@dataclass(frozen=True)
class Rights:
    """The groups and own grants of a user, as far as the index accepts them."""

    groups: tuple[str, ...]
    grants: tuple[Grant, ...]


def rights(index: PackageIndex, user: IndexUser) -> Rights:
    """Return all that a user of the index's own namespace requests; of others, the part within the maximum."""
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
    """Return every grant that applies to this user once it is logged in, from the index or its own."""
    own = rights(index, user)
    subjects = {"anonymous", "authenticated", f"user:{user.username}", *(f"group:{group}" for group in own.groups)}
    return (*(grant for grant in index.grants if not subjects.isdisjoint(grant.subjects)), *own.grants)
