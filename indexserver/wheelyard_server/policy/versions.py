"""Versions against specifiers (PEP 440)."""

from functools import lru_cache

from packaging.specifiers import SpecifierSet

from wheelyard_server.policy.affected_versions import readable


def covers(specifiers: str, version: str, *, unknown: bool) -> bool:
    """Return whether specifiers, which "" leaves open, include a version; `unknown` if it is not a version.

    Prereleases count as all other versions: a rule that spares them would be no rule.
    """
    found = not specifiers or _contains(specifiers, version)
    return unknown if found is None else found


@lru_cache(8192)
def _contains(specifiers: str, version: str) -> bool | None:
    parsed = readable(version)
    return None if parsed is None else _specifier_set(specifiers).contains(parsed, prereleases=True)


@lru_cache(1024)
def _specifier_set(specifiers: str) -> SpecifierSet:
    return SpecifierSet(specifiers)
