"""The access files that index servers have, read once for all their users."""

from dataclasses import dataclass, field
from functools import cached_property

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_budget import LeftOut
from wheelyard_operator.desired.access_file import entries, unpacked
from wheelyard_operator.desired.trusts import Trusts
from wheelyard_operator.kube import Kube
from wheelyard_operator.resource import IndexUser, Key, PackageIndex

_MOST = 1000


@dataclass(frozen=True)
class InForce:
    """An access file, "" where there is none, and who had no room in it."""

    text: str = ""
    left_out: LeftOut = field(default_factory=LeftOut)

    @cached_property
    def trusts(self) -> Trusts:
        """Who is trusted first for what. Only users with trusts ask, so only then is the file read whole."""
        return Trusts.parse(self.text)

    def entry(self, user: IndexUser) -> str:
        """Return what it has of a user with trusted publishers."""
        return entries(self.text).get(user.username, "") if user.publishers else ""


NOTHING = InForce()


class AccessFiles:
    """A file may have a megabyte, and each of its thousands of users asks for it: it is only read when it changed.

    Whether it changed is asked every time, so what is remembered is never older than the question.
    """

    def __init__(self) -> None:
        self._found: dict[Key, tuple[str, InForce]] = {}
        """By index: the version of the Secret, and what is in it."""

    def of(self, kube: Kube, index: PackageIndex) -> InForce:
        """Return what an index has in force."""
        place = ("Secret", index.meta.namespace, index.access_secret_name)
        head = kube.metadata(*place)
        if head is None or not is_owned(head, index.meta):
            return NOTHING
        version, found = self._found.get(index.meta.key, ("", NOTHING))
        if version == _version(head):
            return found
        secret = kube.get(*place)
        if secret is None or not is_owned(secret, index.meta):
            return NOTHING
        if len(self._found) >= _MOST:
            self._found.clear()
        found = InForce(unpacked(secret), LeftOut.parse(secret))
        self._found[index.meta.key] = _version(secret), found
        return found


def _version(secret: dict[str, dict[str, str]]) -> str:
    return f"{secret['metadata']['uid']}/{secret['metadata']['resourceVersion']}"
