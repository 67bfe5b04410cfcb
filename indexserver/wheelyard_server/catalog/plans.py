"""A policy file that is not in force yet: which verdicts it would change, of used files and of lock files."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple

from wheelyard_server.catalog.bounded_work import for_each
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.fetches.answers import UsedFile
from wheelyard_server.clock import WallClock
from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import NormalizedName, version_key
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.verdict import Verdict

MAX_PROJECTS = 5_000
"""Projects that one plan looks at: those that were used most recently, then those of lock files."""
MAX_CHANGES = 10_000
"""Changes in one plan; those that block come first."""
PROJECTS_AT_ONCE = 8


class Release(NamedTuple):
    """A release that a lock file names."""

    project: NormalizedName
    version: str


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """A file whose verdict would change."""

    project: str
    version: str
    filename: str
    """Empty if the whole name is meant."""
    before: Verdict
    after: Verdict
    fetches: int = 0
    last: int = 0
    """The last fetch in seconds since 1970; 0 without one."""
    is_locked: bool = False
    """Whether a lock file names its release."""
    is_blocked: bool = False
    """Whether something that was fetched, or that a lock file names, could no longer be had."""


@dataclass(slots=True)
class Plan:
    """What a policy file would change."""

    changes: tuple[PlannedChange, ...] = ()
    checked: int = 0
    """Files that were compared."""
    unknown: tuple[Release, ...] = ()
    """Releases of lock files that no document has: only the rules about names could be applied."""
    omitted_projects: int = 0
    """Projects that were not looked at."""
    omitted_changes: int = 0

    @property
    def blocked(self) -> int:
        """Return the number of files and names that would be blocked."""
        return sum(each.is_blocked for each in self.changes)


@dataclass(slots=True)
class _OfProject:
    """Everything that was asked about one project."""

    used: dict[str, UsedFile] = field(default_factory=dict)
    """By filename."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of lock files, by `version_key`."""


@dataclass(slots=True)
class _Found:
    changes: list[PlannedChange] = field(default_factory=list)
    checked: int = 0
    unknown: list[Release] = field(default_factory=list)


class Planner:
    """Compares two bases."""

    def __init__(self, documents: Documents, now: WallClock) -> None:
        self._documents = documents
        self._now = now

    async def plan(self, before: Basis, after: Basis, used: Iterable[UsedFile], locked: Iterable[Release]) -> Plan:
        """Return what would change; raise `StorageError`."""
        asked = await asyncio.to_thread(_by_project, used, locked)
        found: list[_Found] = []
        now = self._now()

        async def compare(each: tuple[NormalizedName, _OfProject]) -> None:
            name, of_project = each
            project, _ = await self._documents.read(name)
            comparison = _Comparison(project, (Judge(project, before, now), Judge(project, after, now)))
            # A project may have tens of thousands of files.
            found.append(await asyncio.to_thread(comparison.run, of_project))

        await for_each(islice(asked.items(), MAX_PROJECTS), compare, PROJECTS_AT_ONCE)
        return _plan(found, len(asked))


class _Comparison:
    """The verdicts of two bases on the files of one project."""

    def __init__(self, project: Project, judges: tuple[Judge, Judge]) -> None:
        self._project = project
        self._before, self._after = judges

    def run(self, asked: _OfProject) -> _Found:
        """Return what changes."""
        found, by_version = _Found(), self._locked_files(asked)
        lost = {key for key, files in by_version.items() if self._is_lost(files)}
        names = {file.filename for files in by_version.values() for file in files}
        for file in self._project.all_files:
            if file.filename in asked.used or file.filename in names:
                found.checked += 1
                self._add(file, asked, lost, found, is_locked=file.filename in names)
        found.unknown = [
            Release(NormalizedName(self._project.name), version)
            for key, version in asked.versions.items()
            if key not in by_version
        ]
        if found.unknown:
            self._add_name(found)
        return found

    def _locked_files(self, asked: _OfProject) -> Mapping[str, Sequence[File | MirroredFile]]:
        found: defaultdict[str, list[File | MirroredFile]] = defaultdict(list)
        if asked.versions:
            for file in self._project.all_files:
                if (key := version_key(file.version)) in asked.versions:
                    found[key].append(file)
        return found

    def _is_lost(self, files: Iterable[File | MirroredFile]) -> bool:
        """Return whether some file of a release is served now, and none would be."""
        return any(self._before.verdict(file).is_served for file in files) and not any(
            self._after.verdict(file).is_served for file in files
        )

    def _add(
        self, file: File | MirroredFile, asked: _OfProject, lost: set[str], found: _Found, *, is_locked: bool
    ) -> None:
        before, after = self._before.verdict(file), self._after.verdict(file)
        if _shown(before) == _shown(after):
            return
        used = asked.used.get(file.filename)
        is_refused = before.is_served and not after.is_served
        is_blocked = is_refused and (used is not None or version_key(file.version) in lost)
        found.changes.append(
            PlannedChange(
                project=self._project.name,
                version=file.version,
                filename=file.filename,
                before=before,
                after=after,
                fetches=used.fetches if used else 0,
                last=used.last if used else 0,
                is_locked=is_locked,
                is_blocked=is_blocked,
            )
        )

    def _add_name(self, found: _Found) -> None:
        """Compare the verdicts on the name, for releases of which no file is known."""
        before, after = self._before.verdict_on_name(), self._after.verdict_on_name()
        if _shown(before) != _shown(after):
            is_blocked = before.is_served and not after.is_served
            found.changes.append(
                PlannedChange(self._project.name, "", "", before, after, is_locked=True, is_blocked=is_blocked)
            )


def _by_project(used: Iterable[UsedFile], locked: Iterable[Release]) -> dict[NormalizedName, _OfProject]:
    """Return what is asked by project, the most recently used first."""
    found: defaultdict[NormalizedName, _OfProject] = defaultdict(_OfProject)
    for each in sorted(used, key=lambda each: -each.last):
        found[NormalizedName(each.file.project)].used[each.file.filename] = each
    for release in locked:
        found[release.project].versions[version_key(release.version)] = release.version
    return found


def _plan(found: Sequence[_Found], projects: int) -> Plan:
    changes = sorted(
        chain.from_iterable(each.changes for each in found),
        key=lambda each: (not each.is_blocked, -each.fetches, each.project, each.filename),
    )
    return Plan(
        changes=tuple(changes[:MAX_CHANGES]),
        checked=sum(each.checked for each in found),
        unknown=tuple(sorted(chain.from_iterable(each.unknown for each in found))[:MAX_CHANGES]),
        omitted_projects=max(0, projects - MAX_PROJECTS),
        omitted_changes=max(0, len(changes) - MAX_CHANGES),
    )


def _shown(verdict: Verdict) -> tuple[object, ...]:
    """Return the part of a verdict whose change matters. The reason may have an end that moves with the time."""
    return verdict.is_served, verdict.is_listed, verdict.rule, verdict.reported
