"""Looks up what rules need to know of files: licenses and attested publishers.

A file is looked up before it is served, and those of a page's newest versions behind the page. So
a rule that refuses what is unknown does not do so permanently. Without such a rule, nothing is
looked up.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple, TypeVar

from packaging.version import Version

from wheelyard_server.catalog.coalescing import SharedCalls
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.learned import Fact, with_facts
from wheelyard_server.catalog.stored_project import ProjectView, Views
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import WheelyardError
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import NO_LICENSE, MirroredFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.policy.affected_versions import readable
from wheelyard_server.policy.case import AnyFile
from wheelyard_server.policy.lacking import Lacking

F = TypeVar("F", bound=AnyFile)

log = logging.getLogger(__name__)

MAX_VERSIONS = 20
"""Versions that are looked up behind one page: the newest that are not known yet."""
MAX_FILES = 200
"""Files of these versions. The next request for the page continues."""
MAX_PAGES = 64
"""Pages behind which files are looked up at the same time."""
LOOKUPS_AT_ONCE = 8
RETRY_SECONDS = 60.0
"""A file that could not be looked up is tried again after this time."""
_FAILURES_BYTES = 1024**2
_FAILURE_BYTES = 300


class Lookups(NamedTuple):
    """The places where facts are found; each raises `WheelyardError`."""

    license: Callable[[Project, AnyFile], Awaitable[Fact]]
    publisher: Callable[[Project, MirroredFile], Awaitable[Fact]]


class Facts:
    """Looks up facts, once for all who wait for them, and writes them into the documents."""

    def __init__(
        self,
        documents: Documents,
        views: Views,
        writes: WriteGate,
        lookups: Lookups,
        clock: MonotonicClock = time.monotonic,
    ) -> None:
        self._documents = documents
        self._views = views
        self._writes = writes
        self._lookups = lookups
        self._clock = clock
        self._running: SharedCalls[bool] = SharedCalls()
        self._turn = asyncio.Semaphore(LOOKUPS_AT_ONCE)
        self._failed: MemoryCache[tuple[str, str], float] = MemoryCache(_FAILURES_BYTES)
        self.pages: dict[str, asyncio.Task[None]] = {}
        """Lookups behind pages, by project."""

    async def look_up(self, project: Project, file: AnyFile) -> None:
        """Look up what a verdict on a file depends on. Raises nothing: what stays unknown is in the log."""
        lacking = self._views.offers(project).lacking(file)
        await self._running(f"{project.name} {file.filename}", partial(self._learn, project, lacking))

    def look_up_later(self, view: ProjectView) -> None:
        """Look up the newest files of a page that are not known yet, without waiting."""
        name = view.project.name
        if name in self.pages or len(self.pages) >= MAX_PAGES or not self._is_due(name, ""):
            return
        task = self.pages[name] = asyncio.create_task(self._look_up_page(view))
        task.add_done_callback(lambda _: self.pages.pop(name))

    async def _look_up_page(self, view: ProjectView) -> None:
        project, offers = view.project, view.offers
        due = (file for file in offers.lacking_files if self._is_due(project.name, file.filename))
        found = [offers.lacking(file) for file in _newest(due, MAX_VERSIONS)[:MAX_FILES]]
        lacking = Lacking(
            tuple(dict.fromkeys(file for each in found for file in each.license)),
            tuple(dict.fromkeys(file for each in found for file in each.publisher)),
        )
        if not await self._learn(project, lacking):
            self._note_failure(project.name, "")

    async def _learn(self, project: Project, lacking: Lacking) -> bool:
        """Look up what is lacking, and return whether the document has any of it now."""
        calls = (*self._licenses(project, lacking.license), *self._publishers(project, lacking.publisher))
        facts = [fact for found in await asyncio.gather(*calls) for fact in found]
        if not facts:
            return False
        try:
            await self._writes.passed()
            await self._documents.change(NormalizedName(project.name), partial(with_facts, facts=facts))
        except WheelyardError as error:
            log.warning("Facts about files of %s were not stored: %s", project.name, error)
            return False
        return True

    def _licenses(self, project: Project, files: Iterable[AnyFile]) -> Iterator[Awaitable[list[Fact]]]:
        """Yield the lookups of licenses: one for each version, by the file that is cheapest to read."""
        versions = dict.fromkeys(file.version for file in files)
        for version in versions:
            yield self._license(project, [file for file in project.all_files if file.version == version])

    async def _license(self, project: Project, files: list[AnyFile]) -> list[Fact]:
        unknown = [file for file in files if not file.license]
        known = next((file.license for file in files if file.license not in ("", NO_LICENSE)), "")
        if not known:
            found = await self._found(project, min(unknown, key=_cost), self._lookups.license)
            known = found[0].license if found else ""
        return [Fact(file, license=known) for file in unknown if known]

    def _publishers(self, project: Project, files: Iterable[MirroredFile]) -> Iterator[Awaitable[list[Fact]]]:
        for file in files:
            yield self._found(project, file, self._lookups.publisher)

    async def _found(
        self, project: Project, file: F, look_up: Callable[[Project, F], Awaitable[Fact]]
    ) -> list[Fact]:
        """Return the fact about a file; nothing if it cannot be had now."""
        if not self._is_due(project.name, file.filename):
            return []
        try:
            async with self._turn:
                return [await look_up(project, file)]
        except WheelyardError as error:
            log.info("A rule cannot know enough about %s yet: %s", file.filename, error)
            self._note_failure(project.name, file.filename)
            return []

    def _is_due(self, name: str, filename: str) -> bool:
        failed = self._failed.get((name, filename))
        return failed is None or self._clock() - failed >= RETRY_SECONDS

    def _note_failure(self, name: str, filename: str) -> None:
        self._failed.put((name, filename), self._clock(), _FAILURE_BYTES)


def _newest(files: Iterable[AnyFile], max_versions: int) -> list[AnyFile]:
    """Return the files of the newest versions; those without a version come last."""
    of_version: dict[str, list[AnyFile]] = {}
    for file in files:
        of_version.setdefault(file.version, []).append(file)
    versions = sorted(of_version, key=_rank, reverse=True)[:max_versions]
    return [file for version in versions for file in of_version[version]]


def _rank(version: str) -> tuple[bool, Version]:
    parsed = readable(version)
    return parsed is not None, parsed or Version("0")


def _cost(file: AnyFile) -> tuple[bool, bool, str]:
    """Return a key that is least for a wheel whose core metadata can be read without the wheel."""
    return file.core_metadata_sha256 is None, not file.is_wheel, file.filename
