"""Which versions of a project an advisory affects (PEP 440).

https://ossf.github.io/osv-schema/#evaluation, with two additions that never affect fewer: a local
version, such as 2.0+cu121, is a build of its public version, and an unreadable version is affected
if it is listed.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import msgspec
from packaging.utils import canonicalize_version
from packaging.version import Version

MAX_VERSION_LENGTH = 200


class Interval(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The versions between two bounds, which are readable."""

    start: str = ""
    """The first version; "" if there is none."""
    end: str = ""
    """The end; "" if there is none."""
    is_closed: bool = False
    """Whether `end` is part of it."""


EVERY_VERSION = Interval()


@lru_cache(4096)
def readable(version: str) -> Version | None:
    """Return a version (PEP 440); None if it is not one."""
    try:
        return Version(version) if len(version) <= MAX_VERSION_LENGTH else None
    except ValueError:
        return None


def listed(version: str) -> str:
    """Return a text that equal versions share: canonical, or if it is unreadable, without odd spaces and cases."""
    found = readable(version)
    return version.strip().lower() if found is None else canonicalize_version(found)


class Spelled(NamedTuple):
    """A version of a file, as it is compared: parsed once, since a project may have hundreds of advisories."""

    texts: frozenset[str]
    """In the form of `listed`; the public version of a local one, too."""
    versions: tuple[Version, ...]
    """The same, parsed; none if it is unreadable."""


@lru_cache(4096)
def spelled(version: str) -> Spelled:
    """Return a version as it is compared, whatever its spelling."""
    found = readable(version)
    if found is None:
        return Spelled(frozenset({listed(version)}), ())
    all_of_it = (found,) if found.local is None else (found, Version(found.public))
    return Spelled(frozenset(listed(str(each)) for each in all_of_it), all_of_it)


class AffectedVersions:
    """The versions that one advisory affects."""

    def __init__(self, versions: Iterable[str], intervals: Iterable[Interval]) -> None:
        """`versions` are in the form of `listed`."""
        self._versions = frozenset(versions)
        self._bounds = tuple(
            (_bound(each.start), _bound(each.end), each.is_closed) for each in intervals if each != EVERY_VERSION
        )
        self._are_all = EVERY_VERSION in intervals

    def include(self, version: Spelled) -> bool:
        """Return whether a version is affected."""
        if self._are_all or not self._versions.isdisjoint(version.texts):
            return True
        return any(_is_between(each, bounds) for each in version.versions for bounds in self._bounds)


_Bounds = tuple[Version | None, Version | None, bool]


def _is_between(version: Version, bounds: _Bounds) -> bool:
    start, end, is_closed = bounds
    if start is not None and version < start:
        return False
    return end is None or version < end or (is_closed and version == end)


def _bound(version: str) -> Version | None:
    return readable(version) if version else None
