"""Limits the access file: a Secret holds 1 MiB, and no team may block the changes of others.

A user has a budget, and so have all users of another namespace together, and the file. If a budget
is exceeded, the newest users are left out: they have no login. The file is always small enough to
be written, and to be kept in memory by every server, so that every revocation and every rotation
gets through.
"""

import gzip
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import groupby

from wheelyard_operator.desired.access_file import MAX_BYTES, AcceptedUser, TrustedIssuers, access_file, part
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.left_out import FirstLeftOut
from wheelyard_operator.resource import IndexUser, Manifest, PackageIndex

USER_BYTES = 160 * 1024
"""The budget of one user, as JSON. The schema allows less."""
NAMESPACE_BYTES = 256 * 1024
"""The budget of all users of another namespace than the index's, compressed."""
FILE_BYTES = 1_000_000
"""The budget of the whole file, compressed: with the rest of the Secret, less than 1 MiB."""
_SPARE_BYTES = 4096
"""What the rest of the Secret may have of sessions without taking anything of that budget."""
_TEXT_PER_BYTE = MAX_BYTES // FILE_BYTES
"""At most this much text per byte of a budget, however well it compresses: servers hold it
unpacked."""
LEFT_OUT = "left-out.json"
"""The key of the Secret with the first users for whom there was no room."""
_INDEX = ""


class LeftOut(FirstLeftOut):
    """The first users that were left out, who have no login; by "", the first user after the file was full."""

    @classmethod
    def parse(cls, secret: Manifest) -> "LeftOut":
        """Parse it from an access Secret. A damaged one counts as absent."""
        return cls.from_text(decoded(secret, LEFT_OUT))

    def reason(self, index: PackageIndex, user: IndexUser) -> str:
        """Return why a user has no login, "" if it was not left out."""
        namespace = user.meta.namespace
        if _is_at_or_after(user.meta.age, self.first.get(namespace)):
            return (
                f"The users of namespace {namespace} take more than {NAMESPACE_BYTES // 1024} KiB of the access"
                f" file of PackageIndex {index.id}, so the newest ones have no login: remove users or grants there."
            )
        if _is_at_or_after(_order(index, user), self.first.get(_INDEX)):
            return (
                f"The access file of PackageIndex {index.id} is full, so its newest users have no login: have"
                " users or grants removed, or use another index."
            )
        return ""


def fitting(
    index: PackageIndex, accepted_users: Iterable[AcceptedUser], issuers: TrustedIssuers, others: int = 0
) -> tuple[tuple[AcceptedUser, ...], LeftOut]:
    """Return the users for whom there is room, and the first ones that are left out.

    `others` is the size of what the Secret has for sessions.
    """
    room = FILE_BYTES - max(0, others - _SPARE_BYTES)
    small = [accepted for accepted in accepted_users if size(accepted, issuers) <= USER_BYTES]
    first: dict[str, str] = {}
    kept: list[AcceptedUser] = []
    small.sort(key=lambda accepted: (accepted.user.meta.namespace, accepted.user.meta.age))
    for namespace, group in groupby(small, key=lambda accepted: accepted.user.meta.namespace):
        own = list(group)
        fits = len(own) if namespace == index.meta.namespace else _fits_namespace(own, issuers)
        kept += own[:fits]
        if fits < len(own):
            first[namespace] = own[fits].user.meta.age
    kept.sort(key=lambda accepted: _order(index, accepted.user))
    fits = _max_count(len(kept), room, lambda count: _taken(access_file(index, kept[:count], issuers)))
    if fits < len(kept):
        first[_INDEX] = _order(index, kept[fits].user)
    return tuple(kept[:fits]), LeftOut(first)


def size(accepted: AcceptedUser, issuers: TrustedIssuers) -> int:
    """Return how many bytes of the file a user takes."""
    return len(part(accepted, issuers).encode())


def _fits_namespace(accepted_users: list[AcceptedUser], issuers: TrustedIssuers) -> int:
    parts = [part(accepted, issuers) for accepted in accepted_users]
    if sum(map(len, parts)) <= NAMESPACE_BYTES // 4:
        # A character has at most four bytes, and compressing does not make a text longer.
        return len(parts)
    return _max_count(len(parts), NAMESPACE_BYTES, lambda count: _taken("".join(parts[:count])))


def _max_count(count: int, room: int, size_of: Callable[[int], int]) -> int:
    """Return how many fit; fewer are tried only if not all do."""
    if size_of(count) <= room:
        return count
    return max(bisect_right(range(count), room, key=size_of) - 1, 0)


def _taken(text: str) -> int:
    """Return how many bytes of a budget a text takes."""
    content = text.encode()
    least = -(-len(content) // _TEXT_PER_BYTE)
    return least if least > FILE_BYTES else max(least, len(gzip.compress(content, mtime=0)))


def _order(index: PackageIndex, user: IndexUser) -> str:
    """Return a sort key.

    Users of the index's own namespace first, then others, each the oldest first.
    """
    return f"{int(user.meta.namespace != index.meta.namespace)} {user.meta.age}"


def _is_at_or_after(order: str, first: str | None) -> bool:
    return first is not None and order >= first
