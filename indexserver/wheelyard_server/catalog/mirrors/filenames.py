"""Filenames of upstreams: which belong to a project, and their versions."""

import re
from functools import lru_cache

from packaging.utils import canonicalize_name
from packaging.version import Version

from wheelyard_server.names import SDIST_SUFFIXES, NormalizedName

MAX_LENGTH = 255

_SAFE = re.compile(rf'(?!\.)[^/\\"]{{1,{MAX_LENGTH}}}')


def is_safe(filename: str) -> bool:
    """Return whether a filename of an upstream may reach a page, a header or a path."""
    return filename.isprintable() and _SAFE.fullmatch(filename) is not None


def version_of(filename: str, project: NormalizedName) -> str | None:
    """Return the canonical version in a project's filename; None if it is another project's file.

    It is "" for a file of another type, which belongs to the project if its name begins with the
    project's.
    """
    if filename.endswith(".whl"):
        name, _, rest = filename.partition("-")
        return (_canonical(rest.partition("-")[0]) or "") if _normalized(name) == project else None
    suffix = next((each for each in SDIST_SUFFIXES if filename.endswith(each)), None)
    versions = {} if suffix is None else _splits(filename.removesuffix(suffix))
    if versions:
        return versions.get(project)
    return "" if canonicalize_name(filename).startswith(f"{project}-") else None


def _splits(stem: str) -> dict[str, str]:
    """Return all ways to read `NAME-VERSION`, both of which may contain hyphens: versions by project."""
    cuts = (position for position, character in enumerate(stem) if character == "-")
    found = ((_normalized(stem[:cut]), _canonical(stem[cut + 1 :])) for cut in cuts)
    return {name: version for name, version in found if version is not None}


@lru_cache(4096)
def _normalized(name: str) -> str:
    return canonicalize_name(name)


@lru_cache(8192)
def _canonical(version: str) -> str | None:
    try:
        return str(Version(version))
    except ValueError:
        return None
