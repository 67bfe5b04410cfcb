"""Limits the PackageExceptions in a policy file: no namespace may take the room of another one.

The namespaces take turns, each with its oldest exception that is left. So the newest ones of the
namespaces with the most exceptions are left out.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, zip_longest

from wheelyard_operator.desired.left_out import FirstLeftOut
from wheelyard_operator.resource import Manifest, PackageException

LEFT_OUT_ANNOTATION = "wheelyard.dev/left-out"
"""On the ConfigMap: the first PackageExceptions without room."""


class LeftOut(FirstLeftOut):
    """The first exceptions that were left out: they and all exceptions after them have no effect."""

    @classmethod
    def parse(cls, configmap: Manifest | None) -> "LeftOut":
        """Take it from a ConfigMap. A damaged one counts as absent."""
        annotations = (configmap or {}).get("metadata", {}).get("annotations", {})
        return cls.from_text(annotations.get(LEFT_OUT_ANNOTATION, ""))

    def has(self, exception: PackageException) -> bool:
        """Return whether an exception was left out."""
        first = self.first.get(exception.meta.namespace)
        return first is not None and exception.meta.age >= first


@dataclass
class Room:
    """The room in a policy file that is left for PackageExceptions."""

    entries: int
    size: int
    """Bytes."""

    def takes(self, entry: Manifest) -> bool:
        """Return whether there is room for an entry, which then takes it."""
        size = _size(entry)
        if self.entries < 1 or self.size < size:
            return False
        self.entries, self.size = self.entries - 1, self.size - size
        return True


def fitting(exceptions: Iterable[tuple[PackageException, Manifest]], room: Room) -> tuple[list[Manifest], LeftOut]:
    """Return the entries for which there is room, and what is left out.

    Each exception comes with its entry.
    """
    in_order = sorted(exceptions, key=lambda each: (each[0].meta.namespace, each[0].meta.age))
    groups = [list(group) for _, group in groupby(in_order, key=lambda each: each[0].meta.namespace)]
    kept, first = list[Manifest](), dict[str, str]()
    for exception, entry in (each for turn in zip_longest(*groups) for each in turn if each):
        if exception.meta.namespace not in first and room.takes(entry):
            kept.append(entry)
        else:
            first.setdefault(exception.meta.namespace, exception.meta.age)
    return kept, LeftOut(first)


def _size(entry: Manifest) -> int:
    """Return at least the number of bytes that an entry takes in YAML."""
    text = json.dumps(entry, ensure_ascii=False)
    # LibYAML escapes a character beyond the first 65,536 with ten bytes, in place of four.
    return 2 * len(text.encode()) + 2 * sum(each > "\uffff" for each in text)
