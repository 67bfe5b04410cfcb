"""Who fits into an access file: a Secret holds 1 MiB, and nobody may keep the changes of others out of it.

A user has a budget, so have all users of another namespace together, and the file. Where one is spent, the newest
users are left out: they have no login. The file is always small enough to be written, and to be held in memory by
every server, so that every revocation and every rotation gets through.
"""

import gzip
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from wheelyard_operator.desired.access_file import MAX_BYTES, Login, Trust, access_file, part
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.resource import IndexUser, Manifest, PackageIndex

USER_BYTES = 160 * 1024
"""Of one user, as JSON. The schema allows less."""
NAMESPACE_BYTES = 256 * 1024
"""Of all users of a namespace that is not the index's own, compressed."""
FILE_BYTES = 1_000_000
"""Of the whole file, compressed: with what else is in the Secret that is less than 1 MiB."""
_TEXT_PER_BYTE = MAX_BYTES // FILE_BYTES
"""So much text takes a byte of a budget at least, however well it compresses: servers hold it unpacked."""
LEFT_OUT = "left-out.json"
"""The key of the Secret that says from which user on there was no room."""
_INDEX = ""


@dataclass(frozen=True)
class LeftOut:
    """The first users that were left out, "" for none: they and all that come after them have no login."""

    first: Mapping[str, str] = field(default_factory=dict)
    """Places by namespace; by "" the place where the file was full."""

    @classmethod
    def parse(cls, secret: Manifest) -> "LeftOut":
        """Take it from an access Secret. What is damaged counts as absent."""
        try:
            content = json.loads(decoded(secret, LEFT_OUT) or "{}")
        except ValueError:
            return cls()
        return cls({str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {})

    @property
    def text(self) -> str:
        """As it stands in the Secret."""
        return json.dumps(self.first, sort_keys=True)

    def reason(self, index: PackageIndex, user: IndexUser) -> str:
        """Say why a user has no login, "" where it was not left out."""
        namespace = user.meta.namespace
        if _is_at_or_after(user.meta.age, self.first.get(namespace)):
            return (
                f"The users of namespace {namespace} take more than {NAMESPACE_BYTES // 1024} KiB of the access"
                f" file of PackageIndex {index.id}, so that the newest ones have no login: remove users or grants"
                " there."
            )
        if _is_at_or_after(_place(index, user), self.first.get(_INDEX)):
            return (
                f"The access file of PackageIndex {index.id} is full, so that its newest users have no login: have"
                " users or grants removed, or use another index."
            )
        return ""


def fitting(index: PackageIndex, logins: Iterable[Login], trust: Trust) -> tuple[tuple[Login, ...], LeftOut]:
    """Return the users for whom there is room, and from whom on there was none."""
    small = [login for login in logins if size(login, trust) <= USER_BYTES]
    first: dict[str, str] = {}
    kept: list[Login] = []
    small.sort(key=lambda login: (login.user.meta.namespace, login.user.meta.age))
    for namespace, group in groupby(small, key=lambda login: login.user.meta.namespace):
        own = list(group)
        fits = len(own) if namespace == index.meta.namespace else _fits_namespace(own, trust)
        kept += own[:fits]
        if fits < len(own):
            first[namespace] = own[fits].user.meta.age
    kept.sort(key=lambda login: _place(index, login.user))
    fits = _most(len(kept), FILE_BYTES, lambda count: _taken(access_file(index, kept[:count], trust)))
    if fits < len(kept):
        first[_INDEX] = _place(index, kept[fits].user)
    return tuple(kept[:fits]), LeftOut(first)


def size(login: Login, trust: Trust) -> int:
    """Return how many bytes of the file are a user's."""
    return len(part(login, trust).encode())


def _fits_namespace(logins: list[Login], trust: Trust) -> int:
    parts = [part(login, trust) for login in logins]
    if sum(map(len, parts)) <= NAMESPACE_BYTES // 4:
        # A character has at most four bytes, and nothing is longer compressed than as it is.
        return len(parts)
    return _most(len(parts), NAMESPACE_BYTES, lambda count: _taken("".join(parts[:count])))


def _most(count: int, room: int, size_of: Callable[[int], int]) -> int:
    """Return how many of so many fit; only where not all do, fewer are tried."""
    if size_of(count) <= room:
        return count
    return max(bisect_right(range(count), room, key=size_of) - 1, 0)


def _taken(text: str) -> int:
    """Return how many bytes of a budget a text takes."""
    content = text.encode()
    least = -(-len(content) // _TEXT_PER_BYTE)
    return least if least > FILE_BYTES else max(least, len(gzip.compress(content, mtime=0)))


def _place(index: PackageIndex, user: IndexUser) -> str:
    """Return something to sort by: the users of the index's own namespace, then others, each the oldest first."""
    return f"{int(user.meta.namespace != index.meta.namespace)} {user.meta.age}"


def _is_at_or_after(place: str, first: str | None) -> bool:
    return first is not None and place >= first
