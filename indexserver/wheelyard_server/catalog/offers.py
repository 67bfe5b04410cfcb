"""The files of a project that readers may have, decided once for each document, policy and boundary."""

import asyncio
from datetime import datetime
from functools import cached_property
from typing import NamedTuple
from urllib.parse import unquote

from wheelyard_server.model import File, MirroredFile, OfferedFile, Project, Status
from wheelyard_server.names import version_key
from wheelyard_server.policy.decide import NO_ADVISORIES, decide
from wheelyard_server.policy.file_policy import FilePolicy
from wheelyard_server.policy.verdict import Verdict

DECIDED_AT_ONCE = 500
"""Maximum number of files that are decided on the event loop."""


class Offers:
    """All verdicts on the files of a project, made on first use."""

    def __init__(self, project: Project, policy: FilePolicy, now: datetime) -> None:
        self._project = project
        self._policy = policy
        self._now = now

    @cached_property
    def revision(self) -> str:
        """Return the part of a cache key that changes with the verdicts while the document stays the same."""
        if self._project.mirror is None:
            return ""
        return f"{self._policy.revision}{'' if self.until is None else self._now.isoformat()}"

    def is_current(self, now: datetime) -> bool:
        """Return whether the verdicts still hold."""
        return "_decided" not in self.__dict__ or self.until is None or now < self.until

    @property
    def until(self) -> datetime | None:
        """Return when a verdict changes without anyone's doing, in UTC; None if never."""
        return self._decided.until

    @property
    def listed(self) -> tuple[OfferedFile, ...]:
        """Return the files that pages list, in the document's order."""
        return self._decided.listed

    def verdict(self, file: File | MirroredFile) -> Verdict:
        """Return the verdict on a file of this project."""
        return decide(file, self._project, self._policy, NO_ADVISORIES, self._now)

    async def prepare(self) -> None:
        """Decide about all files, in another thread if they are many."""
        if "_decided" not in self.__dict__ and len(self._files) > DECIDED_AT_ONCE:
            await asyncio.to_thread(lambda: self._decided)

    async def at_path(self, path: str) -> MirroredFile | None:
        """Return the mirrored file whose URL has this decoded path, without the slash at its beginning."""
        if "_by_path" not in self.__dict__ and len(self._files) > DECIDED_AT_ONCE:
            await asyncio.to_thread(lambda: self._by_path)
        return self._by_path.get(path)

    def file(self, filename: str) -> File | MirroredFile | None:
        """Return the file of that name, whether it is listed or not."""
        return self._project.file(filename) if self._project.mirror is None else self._by_filename.get(filename)

    @cached_property
    def _by_filename(self) -> dict[str, MirroredFile]:
        return {file.filename: file for file in self._files}

    @cached_property
    def _by_path(self) -> dict[str, MirroredFile]:
        return {unquote(file.path).lstrip("/"): file for file in self._files}

    @cached_property
    def by_version(self) -> dict[str, tuple[OfferedFile, ...]]:
        """Return the listed files of each version by its `version_key`, in the document's order."""
        keys = {version: version_key(version) for version in {file.version for file in self.listed}}
        found: dict[str, list[OfferedFile]] = {}
        for file in self.listed:
            found.setdefault(keys[file.version], []).append(file)
        return {version: tuple(files) for version, files in found.items()}

    @cached_property
    def has_provenance(self) -> bool:
        """Return whether any listed file has a provenance object (PEP 740)."""
        return any(file.has_provenance for file in self.listed)

    @property
    def _files(self) -> tuple[MirroredFile, ...]:
        return () if self._project.mirror is None else self._project.mirror.files

    @cached_property
    def _decided(self) -> "_Decided":
        if self._project.mirror is None:
            return _Decided(self._project.files if self._project.status.offers_files else (), None)
        listed: list[OfferedFile] = []
        until: datetime | None = None
        for file in self._files:
            verdict = self.verdict(file)
            if verdict.is_listed:
                listed.append(file)
            if verdict.until is not None:
                until = min(until or verdict.until, verdict.until)
        return _Decided(tuple(listed), until)


class _Decided(NamedTuple):
    listed: tuple[OfferedFile, ...]
    until: datetime | None


def status_of(project: Project) -> tuple[str, str]:
    """Return the status marker that readers see, and its reason: this index's own before the upstream's."""
    mirror = project.mirror
    if mirror is None or project.status is not Status.ACTIVE:
        return project.status, project.status_reason
    return mirror.status, mirror.status_reason
