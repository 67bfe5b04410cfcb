"""Makes the mirror of a name that no owner has yet, when a reader asks for it first."""

import asyncio
import logging
from functools import partial

from wheelyard_server.catalog.counts import Counts
from wheelyard_server.catalog.documents import CHANGED_AT_ONCE, Documents
from wheelyard_server.catalog.mirrors import claims, snapshot
from wheelyard_server.catalog.mirrors.owners import Found, Owners
from wheelyard_server.catalog.stored_project import StoredProject, Views
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.errors import UpstreamAnswerError, UpstreamUnavailableError
from wheelyard_server.model import Project
from wheelyard_server.model.status import Status
from wheelyard_server.names import NormalizedName
from wheelyard_server.sliced import freed

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""How long a reader waits for the first page of a project; pip gives up after 15 s without a byte."""
FORMAT_OF_MIRRORS = 2


class FirstPages:
    """Asks for each name once at a time, however many readers wait."""

    def __init__(
        self, documents: Documents, owners: Owners, views: Views, writes: WriteGate, counts: Counts
    ) -> None:
        self._documents = documents
        self._owners = owners
        self._basis, self._now = views.basis, views.now
        self._writes = writes
        self._counts = counts
        self._asking: dict[NormalizedName, asyncio.Task[None]] = {}

    def is_asked(self, name: NormalizedName) -> bool:
        """Return whether a question for this name is under way."""
        return name in self._asking

    async def make(self, name: NormalizedName, seen: StoredProject) -> None:
        """Make the mirror if an upstream has the project, which was just read as `seen`.

        Raises `UpstreamError` if one cannot be asked, and `StorageError` if the mirror cannot be
        stored.
        """
        task = self._asking.get(name)
        if task is None:
            task = self._asking[name] = asyncio.create_task(self._make(name, seen))
            task.add_done_callback(partial(self._ended, name))
        await asyncio.wait([task], timeout=PATIENCE_SECONDS)
        if not task.done():
            raise UpstreamUnavailableError(self._first(name), f"takes long to answer for {name}: try again")
        task.result()

    def _ended(self, name: NormalizedName, task: asyncio.Task[None]) -> None:
        del self._asking[name]
        if not task.cancelled():
            task.exception()  # Retrieved: all readers may have left.

    async def _make(self, name: NormalizedName, seen: StoredProject) -> None:
        await self._check_format(name)
        found = await self._owners.first(name)
        if found is None:
            return
        files = list(found.page.files)
        await self.store(name, found, seen)
        del found
        await freed(files)

    async def store(
        self, name: NormalizedName, found: Found, seen: StoredProject | None = None, *, by_release: bool = False
    ) -> Project:
        """Make the name a mirror of its owner, unless it has another owner by now, and return the project.

        `by_release`: it may have been this index's own or another upstream's.
        """
        await self._writes.passed()
        upstream = found.owner.upstream
        source, now = snapshot.Source(name, upstream.name, upstream.url), self._now()
        before = Project(name=name)
        dropped = 0

        def owned(project: Project) -> Project:
            nonlocal before, dropped
            before = project
            if by_release:
                claims.check_releasable(project)
            elif claims.is_local(project) or claims.upheld(project, self._basis.policy).owner:
                return project
            taken = snapshot.take(claims.known_mirror(project, source.url), found.page, source, now)
            _check_has_files(taken, source)
            dropped = taken.dropped
            return claims.with_owner(project, upstream.name, taken.mirror)

        is_large = len(found.page.files) > CHANGED_AT_ONCE
        made = await self._documents.change(name, owned, known=seen, in_thread=is_large)
        if made is not before:
            self._count(upstream.name, before, dropped)
        return made

    def _count(self, owner: str, before: Project, dropped: int) -> None:
        self._counts.mirrors.made[owner] += 1
        self._counts.mirrors.dropped[owner] += dropped
        if before.owner not in ("", owner):
            log.warning(
                "The name %s is mirrored from %s now, and no longer from %s", before.name, owner, before.owner
            )
            self._counts.mirrors.owners_changed[owner] += 1

    async def _check_format(self, name: NormalizedName) -> None:
        """Refuse to make mirrors while servers of a release that cannot read them may run."""
        if await self._documents.format() < FORMAT_OF_MIRRORS:
            reason = "is asked for new projects once all servers of this index have been upgraded"
            raise UpstreamUnavailableError(self._first(name), reason, seconds=60)

    def _first(self, name: NormalizedName) -> str:
        """Return the upstream that is asked first; the name may have become private since it was asked for."""
        return next(iter(self._basis.policy.order(name)), "")


def _check_has_files(taken: snapshot.Taken, source: snapshot.Source) -> None:
    """Raise `UpstreamAnswerError` if a page has only entries that cannot be used: that is no absence."""
    if not taken.mirror.files and taken.mirror.status != Status.QUARANTINED:
        reason = f"has a page of {source.project} of which no entry can be used"
        raise UpstreamAnswerError(source.upstream, reason)
