"""Remembers the access files of index servers: each is read once for all its users."""

from dataclasses import dataclass, field
from functools import cached_property

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_budget import LeftOut
from wheelyard_operator.desired.access_file import entries, unpacked
from wheelyard_operator.desired.identity_order import IdentityOrder
from wheelyard_operator.kube import Kube
from wheelyard_operator.observe import read_access_secret, read_access_secret_metadata
from wheelyard_operator.resource import IndexUser, Key, PackageIndex

_MAX_FILES = 1000


@dataclass(frozen=True)
class InForce:
    """An access file, "" if there is none, and the users for whom it had no room."""

    text: str = ""
    left_out: LeftOut = field(default_factory=LeftOut)

    @cached_property
    def order(self) -> IdentityOrder:
        """The order of identities.

        Only users with identities need it, and only then is the file parsed.
        """
        return IdentityOrder.parse(self.text)

    def entry(self, user: IndexUser) -> str:
        """Return the entry of a user that has trusted publishers, else ""."""
        return entries(self.text).get(user.username, "") if user.publishers else ""


NOTHING = InForce()


class AccessFiles:
    """Reads a file only when it changed: it may have a megabyte, and thousands of users need it.

    Each call asks for the version of the Secret, so no answer is older than the call.
    """

    def __init__(self) -> None:
        self._found: dict[Key, tuple[str, InForce]] = {}
        """By index: the version of the Secret, and its content."""

    def of(self, kube: Kube, index: PackageIndex) -> InForce:
        """Return the access file that the servers of an index have."""
        head = read_access_secret_metadata(kube, index)
        if head is None or not is_owned(head, index.meta):
            return NOTHING
        version, found = self._found.get(index.meta.key, ("", NOTHING))
        if version == _version(head):
            return found
        secret = read_access_secret(kube, index)
        if secret is None or not is_owned(secret, index.meta):
            return NOTHING
        if len(self._found) >= _MAX_FILES:
            self._found.clear()
        found = InForce(unpacked(secret), LeftOut.parse(secret))
        self._found[index.meta.key] = _version(secret), found
        return found


def _version(secret: dict[str, dict[str, str]]) -> str:
    return f"{secret['metadata']['uid']}/{secret['metadata']['resourceVersion']}"
