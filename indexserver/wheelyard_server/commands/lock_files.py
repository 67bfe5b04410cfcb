"""The releases that lock files name: uv.lock, poetry.lock, pylock.toml (PEP 751) and requirements.txt."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from packaging.pylock import Pylock, PylockValidationError
from packaging.requirements import InvalidRequirement, Requirement

from wheelyard_server.errors import InvalidSettingsError

MAX_LOCK_BYTES = 64 * 1024**2
_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"\s--?[a-z].*$")
_OTHER_SOURCES = ("git", "url", "path", "directory", "editable", "virtual", "file")


class LockedRelease(NamedTuple):
    """A release that a lock file names."""

    project: str
    version: str


def read_lock(path: Path) -> Iterator[LockedRelease]:
    """Yield the releases of indexes that a lock file names; raise `InvalidSettingsError`."""
    with path.open("rb") as file:
        text = file.read(MAX_LOCK_BYTES + 1)
    if len(text) > MAX_LOCK_BYTES:
        raise InvalidSettingsError(f"{path} is larger than {MAX_LOCK_BYTES} bytes")
    try:
        yield from _releases(path.name, text.decode())
    except (ValueError, KeyError, TypeError, AttributeError, PylockValidationError) as error:
        raise InvalidSettingsError(f"{path} cannot be read as a lock file: {error}") from error


def _releases(name: str, text: str) -> Iterable[LockedRelease]:
    if not name.endswith((".toml", ".lock")):
        return _of_requirements(text)
    content = tomllib.loads(text)
    if "lock-version" in content:
        return _of_pylock(content)
    if "package" in content:
        return _of_packages(content["package"])
    raise ValueError("it has neither `lock-version` (PEP 751) nor `package` (uv, Poetry)")


def _of_pylock(content: dict[str, Any]) -> Iterator[LockedRelease]:
    for package in Pylock.from_dict(content).packages:
        if package.version is not None and (package.sdist or package.wheels):
            yield LockedRelease(package.name, str(package.version))


def _of_packages(packages: Iterable[dict[str, Any]]) -> Iterator[LockedRelease]:
    """Yield the releases of uv.lock and poetry.lock; those of a folder, a URL or a repository are left out."""
    for package in packages:
        source = package.get("source") or {}
        is_elsewhere = source.get("type") in _OTHER_SOURCES or any(each in source for each in _OTHER_SOURCES)
        # Poetry writes `url` for indexes, too, with the type `legacy`.
        if source.get("type") == "legacy" or not is_elsewhere:
            yield LockedRelease(package["name"], package["version"])


def _of_requirements(text: str) -> Iterator[LockedRelease]:
    """Yield the requirements that are pinned exactly, as pip-compile and `pip freeze` write them."""
    for line in text.replace("\\\n", " ").splitlines():
        requirement = _OPTION.sub("", _COMMENT.sub("", line)).strip()
        if requirement and not requirement.startswith("-"):
            yield from _pinned(requirement)


def _pinned(text: str) -> Iterator[LockedRelease]:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return  # A path or a URL.
    for each in requirement.specifier:
        if each.operator in ("==", "===") and not each.version.endswith("*"):
            yield LockedRelease(requirement.name, each.version)
