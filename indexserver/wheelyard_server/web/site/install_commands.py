"""The commands that install a project from this index, one for each installer.

Each makes the index known under a name, so that a login and the other commands of the installer
find it again.
"""

import re
from shlex import quote
from typing import NamedTuple

_NAME = re.compile(r"[^a-z0-9-]+")
_TAKEN = frozenset(("pypi", "default", "testpypi"))
"""Names that mean another index to some installer, such as poetry."""
DEFAULT_NAME = "wheelyard"
WHO = "USER"
SECRET = "TOKEN"  # noqa: S105 - a placeholder for people


class Installer(NamedTuple):
    """How one installer gets a project from this index."""

    name: str
    commands: tuple[str, ...]
    login: tuple[str, ...]
    """Commands that give it a login; empty if it asks for one by itself."""


class Index(NamedTuple):
    """The index as installers are configured for it."""

    name: str
    url: str
    """URL of its simple API."""


def index_at(root: str, index: str) -> Index:
    """Return the index at a root, with a name that every installer accepts.

    `index` is `<namespace>/<name>`, or "" if it has no name.
    """
    name = _spelled(index.rpartition("/")[2]) or DEFAULT_NAME
    if name in _TAKEN:
        name = _spelled(index) if "/" in index else f"{name}-index"
    return Index(name, f"{root}/simple/")


def _spelled(name: str) -> str:
    return _NAME.sub("-", name.lower()).strip("-")


def installers(index: Index, project: str, version: str = "") -> tuple[Installer, ...]:
    """Return the commands for a project, or for one version of it."""
    wanted = quote(f"{project}=={version}" if version else project)
    return (_uv(index, wanted), _pip(index, wanted), _poetry(index, wanted), _pdm(index, wanted))


def _uv(index: Index, wanted: str) -> Installer:
    variable = f"UV_INDEX_{index.name.upper().replace('-', '_')}"
    login = f"export {variable}_USERNAME={WHO} {variable}_PASSWORD={SECRET}"
    return Installer("uv", (f"uv add --index {index.name}={index.url} {wanted}",), (login,))


def _pip(index: Index, wanted: str) -> Installer:
    return Installer("pip", (f"pip install --index-url {index.url} {wanted}",), ())


def _poetry(index: Index, wanted: str) -> Installer:
    # A primary source: with a supplemental one, a name of this index could be taken from elsewhere.
    commands = (f"poetry source add {index.name} {index.url}", f"poetry add {wanted}")
    return Installer("poetry", commands, (f"poetry config http-basic.{index.name} {WHO} {SECRET}",))


def _pdm(index: Index, wanted: str) -> Installer:
    # Its first source is always called pypi, and each further one could take a name from this
    # index.
    commands = (f"pdm config --local pypi.url {index.url}", f"pdm add {wanted}")
    login = (f"pdm config pypi.username {WHO}", f"pdm config pypi.password {SECRET}")
    return Installer("pdm", commands, login)
