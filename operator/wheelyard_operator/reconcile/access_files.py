"""The access files that index servers have, read once for all their users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_file import unpacked

if TYPE_CHECKING:
    from wheelyard_operator.kube import Kube
    from wheelyard_operator.resource import Key, PackageIndex

_MOST = 1000


class AccessFiles:
    """A file may have a megabyte, and each of its thousands of users asks for it: it is only read when it changed.

    Whether it changed is asked every time, so what is remembered is never older than the question.
    """

    def __init__(self) -> None:
        self._texts: dict[Key, tuple[str, str]] = {}
        """By index: the version of the Secret, and the file in it."""

    def of(self, kube: Kube, index: PackageIndex) -> str:
        """Give the access file of an index, "" if there is none."""
        place = ("Secret", index.meta.namespace, index.access_secret_name)
        head = kube.metadata(*place)
        if head is None or not is_owned(head, index.meta):
            return ""
        version, text = self._texts.get(index.meta.key, ("", ""))
        if version == _version(head):
            return text
        secret = kube.get(*place)
        if secret is None or not is_owned(secret, index.meta):
            return ""
        if len(self._texts) >= _MOST:
            self._texts.clear()
        text = unpacked(secret)
        self._texts[index.meta.key] = _version(secret), text
        return text


def _version(secret: dict[str, dict[str, str]]) -> str:
    return f"{secret['metadata']['uid']}/{secret['metadata']['resourceVersion']}"
