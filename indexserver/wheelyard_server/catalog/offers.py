"""The files of a project that readers may have, decided once for each document, basis and boundary in time."""

import asyncio
import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from wheelyard_server.catalog.packed_files import PackedFiles
from wheelyard_server.clock import WallClock
from wheelyard_server.model import File, Project
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.model.offered_file import OfferedFile
from wheelyard_server.model.status import Status
from wheelyard_server.names import version_key
from wheelyard_server.policy.basis import Basis
from wheelyard_server.policy.judge import Judge
from wheelyard_server.policy.lacking import Lacking
from wheelyard_server.policy.objection import Objection
from wheelyard_server.policy.verdict import Verdict

T = TypeVar("T")

DECIDED_AT_ONCE = 500
"""Maximum number of files that are decided on the event loop."""


class Offers:
    """All verdicts on the files of a project, made on first use."""

    def __init__(self, project: Project, basis: Basis, now: WallClock) -> None:
        self.basis = basis
        """The basis of the verdicts. Once another one is in force, they no longer hold."""
        self._project = project
        self._now = now
        self._latest: datetime | None = None
        """The last moment of which verdicts are kept; None before the first."""
        self._notes: dict[Hashable, Any] = {}

    @property
    def revision(self) -> str:
        """Return the part of a cache key that changes with the verdicts while the document stays the same.

        It is made of the verdicts alone, so a new basis that changes none of them keeps pages and
        their ETags. It is "" if every file is listed.
        """
        return self._summary.revision

    def is_current(self) -> bool:
        """Return whether the time has changed none of the verdicts, also not by a clock that was set back."""
        summary: _Summary | None = self.__dict__.get("_summary")
        until = None if summary is None else summary.until
        # Only files of upstreams are let in by the time.
        if until is None and (self._latest is None or self._project.mirror is None):
            return True
        now = self._now()
        return (until is None or now < until) and (self._latest is None or self._latest <= now)

    @property
    def until(self) -> datetime | None:
        """Return when a verdict changes without anyone's doing, in UTC; None if never."""
        return self._summary.until

    @property
    def count(self) -> int:
        """Return the number of files that pages list."""
        return self._summary.files

    @property
    def has_provenance(self) -> bool:
        """Return whether any listed file has a provenance object (PEP 740)."""
        return self._summary.has_provenance

    @property
    def listed(self) -> tuple[OfferedFile, ...]:
        """Return the files that pages list, in the document's order."""
        return self._kept("decided", self._decide).listed

    @property
    def listed_names(self) -> frozenset[str]:
        """Return the names of those files."""
        return self._kept("names", lambda: frozenset([file.filename for file in self.listed]))

    @property
    def lacks_facts(self) -> bool:
        """Return whether a verdict depends on something about a file that was not looked up yet; see `Facts`."""
        return self._judge.needs_facts and self._summary.lacks_facts

    @property
    def lacking_files(self) -> tuple[File | MirroredFile, ...]:
        """Return the files with such verdicts."""
        return self._kept("decided", self._decide).lacking

    def lacking(self, file: File | MirroredFile) -> Lacking:
        """Return what must be looked up for the verdict on a file."""
        return self._judge.lacking(file)

    def verdict(self, file: File | MirroredFile) -> Verdict:
        """Return the verdict on a file of this project at this moment."""
        verdict = self._judge.verdict(file)
        # Each download comes here, and hardly any verdict ends by itself.
        return verdict if verdict.until is None else self._lasting(verdict, lambda judge: judge.verdict(file))

    @property
    def verdict_on_name(self) -> Verdict:
        """Return whether there may be files under the project's name at this moment."""
        return self._lasting(self._on_name, Judge.verdict_on_name)

    @cached_property
    def _on_name(self) -> Verdict:
        return self._judge.verdict_on_name()

    def _lasting(self, verdict: Verdict, decide: Callable[[Judge], Verdict]) -> Verdict:
        """Return a verdict, or the one of now if it no longer holds."""
        if verdict.until is None or self._now() < verdict.until:
            return verdict
        return decide(Judge(self._project, self.basis, self._now()))

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self._project, self.basis, self._moment())

    def objections(self, file: File | MirroredFile) -> tuple[Objection, ...]:
        """Return everything that the rules have against a file, excepted or not, now or later."""
        return self._judge.objections(file)

    async def prepare(self) -> None:
        """Decide about all files, in another thread if they are many."""
        if "_summary" not in self.__dict__ and len(self._project.all_files) > DECIDED_AT_ONCE:
            await asyncio.to_thread(lambda: self._summary)

    async def at_path(self, path: str) -> MirroredFile | None:
        """Return the mirrored file whose URL has this decoded path, without the slash at its beginning."""
        return (await self._made("path", lambda: self._by_path)).get(path)

    async def file(self, filename: str) -> File | MirroredFile | None:
        """Return the file of that name, whether it is listed or not."""
        if self._project.mirror is None:
            return self._project.file(filename)
        return (await self._made("filename", lambda: self._by_filename)).get(filename)

    async def by_filename(self) -> tuple[File | MirroredFile, ...]:
        """Return all files, listed or not, sorted by filename."""
        if self._project.mirror is None:
            return self._project.by_filename
        return await self._made("sorted", lambda: self._sorted)

    def known_at_path(self, path: str) -> MirroredFile | None:
        """Do as `at_path`, but return None if that would take work for the whole project."""
        notes = self._notes_at_hand
        by_path = None if notes is None else notes.get("path")
        return None if by_path is None else by_path.get(path)

    @property
    def _sorted(self) -> tuple[MirroredFile, ...]:
        return self._of_files("sorted", lambda: tuple(sorted(self._files, key=lambda file: file.filename)))

    @property
    def by_version(self) -> dict[str, tuple[OfferedFile, ...]]:
        """Return the listed files of each version by its `version_key`, in the document's order."""
        return self._kept("version", lambda: _by_version(self.listed))

    @property
    def refused_by_version(self) -> dict[str, File | MirroredFile]:
        """Return the first file that is not served of each version by its `version_key`."""
        return self._kept("refused", self._refused)

    @property
    def _by_filename(self) -> dict[str, MirroredFile]:
        return self._of_files("filename", lambda: {file.filename: file for file in self._files})

    @property
    def _by_path(self) -> dict[str, MirroredFile]:
        return self._of_files("path", lambda: {unquote(file.path).lstrip("/"): file for file in self._files})

    @property
    def _files(self) -> Sequence[MirroredFile]:
        return () if self._project.mirror is None else self._project.mirror.files

    @cached_property
    def _summary(self) -> "_Summary":
        decided = self._kept("decided", self._decide)
        has_provenance = any(file.has_provenance for file in decided.listed)
        until, revision, lacks_facts = decided.until, decided.revision, bool(decided.lacking)
        return _Summary(len(decided.listed), has_provenance, until, revision, lacks_facts)

    @cached_property
    def _decided_at(self) -> datetime:
        """Return the moment of the verdicts on pages: that of the first use, also after files were packed."""
        return self._moment()

    def _moment(self) -> datetime:
        """Return the present, and remember that verdicts are based on it."""
        now = self._now()
        self._latest = now if self._latest is None else max(now, self._latest)
        return now

    def _decide(self) -> "_Decided":
        judge = Judge(self._project, self.basis, self._decided_at)
        decisions = _Decisions(judge.verdict_on_name())
        for file, verdict in judge.verdicts():
            decisions.add(file, verdict)
        return decisions.decided()

    def _refused(self) -> dict[str, File | MirroredFile]:
        found: dict[str, File | MirroredFile] = {}
        for file in self._project.all_files:
            if not self.verdict(file).is_served:
                found.setdefault(version_key(file.version), file)
        return found

    async def _made(self, name: str, make: Callable[[], T]) -> T:
        """Return a value that is made of the files, in another thread if they are many."""
        if self._has(name) or len(self._files) <= DECIDED_AT_ONCE:
            return make()
        return await asyncio.to_thread(make)

    def _has(self, name: str) -> bool:
        """Return whether `_of_files` has this value."""
        notes = self._notes_at_hand
        return notes is not None and name in notes

    @property
    def _notes_at_hand(self) -> dict[Hashable, Any] | None:
        """Return the values that were made of the files; None if the files are packed, and so are the values."""
        files = self._files
        return files.notes_at_hand if isinstance(files, PackedFiles) else self._notes

    def _kept(self, name: str, make: Callable[[], T]) -> T:
        """Return a value that is made once of the verdicts, and again after the files were packed.

        Those of an earlier basis are dropped: files that stay decoded would collect them.
        """
        notes = self._all_notes
        owner, found = notes.get((name, Offers), (None, None))
        if owner is not self:
            found = make()
            notes[name, Offers] = self, found
        kept: T = found
        return kept

    def _of_files(self, name: str, make: Callable[[], T]) -> T:
        """Do the same with a value that is made of the files alone, which all verdicts on them share."""
        notes = self._all_notes
        found: T | None = notes.get(name)
        if found is None:
            found = notes[name] = make()
        return found

    @property
    def _all_notes(self) -> dict[Hashable, Any]:
        files = self._files
        return files.notes if isinstance(files, PackedFiles) else self._notes


class _Decided(NamedTuple):
    listed: tuple[OfferedFile, ...]
    until: datetime | None
    revision: str
    lacking: tuple[File | MirroredFile, ...]


class _Decisions:
    """Collects the verdicts on the files of a project."""

    def __init__(self, on_name: Verdict) -> None:
        self._listed: list[OfferedFile] = []
        # A page of a refused name is another one than the same page before: it is never rendered.
        self._unlisted: list[str] = [] if on_name.is_served else [""]
        self._until = on_name.until
        self._lacking: list[File | MirroredFile] = []

    def add(self, file: File | MirroredFile, verdict: Verdict) -> None:
        if verdict.until is not None:
            self._until = min(self._until or verdict.until, verdict.until)
        if verdict.is_listed:
            self._listed.append(file)
        else:
            self._unlisted.append(file.filename)
        if verdict.lacks_facts:
            self._lacking.append(file)

    def decided(self) -> _Decided:
        digest = hashlib.sha256("\n".join(self._unlisted).encode()).hexdigest()[:16]
        revision = digest if self._unlisted else ""
        return _Decided(tuple(self._listed), self._until, revision, tuple(self._lacking))


class _Summary(NamedTuple):
    """The part that a hot page needs."""

    files: int
    has_provenance: bool
    until: datetime | None
    revision: str
    lacks_facts: bool


def _by_version(files: Iterable[OfferedFile]) -> dict[str, tuple[OfferedFile, ...]]:
    keys = {version: version_key(version) for version in {file.version for file in files}}
    found: dict[str, list[OfferedFile]] = {}
    for file in files:
        found.setdefault(keys[file.version], []).append(file)
    return {version: tuple(each) for version, each in found.items()}


def status_of(project: Project) -> tuple[str, str]:
    """Return the status marker that readers see, and its reason: this index's own before the upstream's."""
    mirror = project.mirror
    if mirror is None or project.status is not Status.ACTIVE:
        return project.status, project.status_reason
    return mirror.status, mirror.status_reason
