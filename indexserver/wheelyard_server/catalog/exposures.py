"""What clients fetched, with the advisories that are known about it by now."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from wheelyard_server.catalog.bounded_work import for_each
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.fetches.answers import UsedFile
from wheelyard_server.model import Project
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.advisories import Advisory
from wheelyard_server.policy.basis import Basis

MAX_PROJECTS = 5_000
"""Projects of one answer: those that were fetched last."""
MAX_EXPOSURES = 10_000
"""Pairs of a release and an advisory in one answer: those that were fetched most."""
PROJECTS_AT_ONCE = 8


class FetchedRelease(NamedTuple):
    """A release of which files were fetched."""

    project: str
    version: str
    """"" if its files have none."""
    upstream: str
    """"" if it is this index's own."""
    fetches: int
    last: int
    """In seconds since 1970."""
    files: tuple[UsedFile, ...]


class Exposure(NamedTuple):
    """A release that was fetched, and an advisory that concerns it."""

    release: FetchedRelease
    advisory: Advisory


@dataclass(frozen=True, slots=True)
class Exposures:
    """All that was fetched, and what is known about it."""

    releases: tuple[FetchedRelease, ...] = ()
    """By project and version."""
    found: tuple[Exposure, ...] = ()
    """The one that was fetched most first."""
    are_known: bool = False
    """Whether there are any advisories to compare with."""
    omitted_projects: int = 0
    omitted: int = 0
    """Pairs beyond the bound."""


class ExposureFinder:
    """Compares fetched files with advisories."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def find(self, used: Iterable[UsedFile], basis: Basis) -> Exposures:
        """Return what is known about files that were fetched; raise `StorageError`."""
        by_project = await asyncio.to_thread(_by_project, used)
        found: list[FetchedRelease] = []

        async def add(of_project: tuple[NormalizedName, list[UsedFile]]) -> None:
            name, files = of_project
            found.extend(_releases((await self._documents.read(name)).project, files))

        await for_each(islice(by_project.items(), MAX_PROJECTS), add, PROJECTS_AT_ONCE)
        return await asyncio.to_thread(_exposures, found, basis, max(0, len(by_project) - MAX_PROJECTS))


def _by_project(used: Iterable[UsedFile]) -> dict[NormalizedName, list[UsedFile]]:
    """Return the files of each project, the one that was fetched last first."""
    found: defaultdict[NormalizedName, list[UsedFile]] = defaultdict(list)
    for each in sorted(used, key=lambda each: -each.last):
        found[NormalizedName(each.file.project)].append(each)
    return found


def _releases(project: Project, files: Iterable[UsedFile]) -> list[FetchedRelease]:
    by_version: defaultdict[str, list[UsedFile]] = defaultdict(list)
    for each in files:
        by_version[each.file.version].append(each)
    return [
        FetchedRelease(
            project.name,
            version,
            project.owner,
            sum(each.fetches for each in of_version),
            max(each.last for each in of_version),
            tuple(of_version),
        )
        for version, of_version in by_version.items()
    ]


def _exposures(releases: Iterable[FetchedRelease], basis: Basis, omitted_projects: int) -> Exposures:
    in_order = sorted(releases, key=lambda each: (each.project, each.version))
    found = [Exposure(release, advisory) for release in in_order for advisory in _about(release, basis)]
    found.sort(
        key=lambda each: (-each.release.fetches, each.release.project, each.release.version, each.advisory.id)
    )
    return Exposures(
        releases=tuple(in_order),
        found=tuple(found[:MAX_EXPOSURES]),
        are_known=basis.advisories.are_known,
        omitted_projects=omitted_projects,
        omitted=max(0, len(found) - MAX_EXPOSURES),
    )


def _about(release: FetchedRelease, basis: Basis) -> Iterable[Advisory]:
    digests = (used.file.sha256 for used in release.files)
    return basis.advisories_about(release.project, release.version, digests, is_own=not release.upstream)
