"""Which of this index's own projects an upstream has, too: names that one of both may use by mistake."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from packaging.version import Version

from wheelyard_server.catalog.mirrors import claims
from wheelyard_server.catalog.mirrors.filenames import version_of
from wheelyard_server.catalog.mirrors.owners import Owners
from wheelyard_server.model import Project
from wheelyard_server.names import NormalizedName
from wheelyard_server.upstream import PageFile


class Shadowing(NamedTuple):
    """A project of this index that hides an upstream's project of the same name."""

    name: NormalizedName
    upstream: str
    """The first upstream that has the name."""
    own: str
    """The newest version here; "" if there is none."""
    other: str
    """The newest version at the upstream; "" if there is none."""

    @property
    def is_outdated(self) -> bool:
        """Return whether the upstream has a newer version."""
        return bool(self.other) and (not self.own or Version(self.other) > Version(self.own))


async def shadowing(project: Project, owners: Owners) -> Shadowing | None:
    """Return how a project shadows an upstream's; None if it is not this index's own, or no upstream has it.

    Private names are not asked for. Raises `UpstreamError` if an upstream cannot be asked.
    """
    name = NormalizedName(project.name)
    found = await owners.first(name) if claims.is_local(project) else None
    if found is None:
        return None
    own = _newest(file.version for file in project.files)
    return Shadowing(name, found.owner.upstream.name, own, _newest(_versions(found.page.files, name)))


def _versions(files: Iterable[PageFile], name: NormalizedName) -> Iterable[str]:
    return filter(None, (version_of(file.filename, name) for file in files))


def _newest(versions: Iterable[str]) -> str:
    """Return the newest of some canonical versions; "" if there is none."""
    parsed: Mapping[str, Version] = {each: Version(each) for each in set(versions)}
    return max(parsed, key=parsed.__getitem__, default="")
