"""Globs on normalized names, compiled once."""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from typing import Generic, TypeVar

T = TypeVar("T")

_NOTHING = r"(?!)"
_SEPARATORS = re.compile(r"[-_.]+")
"""Runs of them are one dash in a normalized name (PEP 503)."""


def name_spelling(glob: str) -> str:
    """Return the glob as names are spelled, so that a rule for PyYAML or my_tool.* is not without effect."""
    return _SEPARATORS.sub("-", glob.strip().lower())


def pattern_of(globs: Iterable[str], spelling: Callable[[str], str] = name_spelling) -> re.Pattern[str]:
    """Return a pattern of the texts that any of the globs matches. It matches in linear time."""
    return re.compile("|".join(translate(spelling(glob)) for glob in globs) or _NOTHING)


class ByName(Generic[T]):
    """Entries that have globs, found by name: those with plain names cost nothing for other names."""

    def __init__(self, entries: Iterable[tuple[tuple[str, ...], T]]) -> None:
        self._entries: list[T] = []
        self._plain: dict[str, list[int]] = {}
        self._patterns: list[tuple[re.Pattern[str], int]] = []
        for globs, entry in entries:
            self._add(globs, entry)

    def of(self, name: str) -> tuple[T, ...]:
        """Return the entries for a normalized name, in their order."""
        found = {*self._plain.get(name, ()), *(at for pattern, at in self._patterns if pattern.fullmatch(name))}
        return tuple(self._entries[at] for at in sorted(found))

    def _add(self, globs: tuple[str, ...], entry: T) -> None:
        position = len(self._entries)
        self._entries.append(entry)
        for name in filter(_is_plain, globs):
            self._plain.setdefault(name_spelling(name), []).append(position)
        others = [glob for glob in globs if not _is_plain(glob)]
        if others:
            self._patterns.append((pattern_of(others), position))


def _is_plain(glob: str) -> bool:
    return not set("*?[") & set(glob)
