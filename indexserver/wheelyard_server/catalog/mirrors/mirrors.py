"""The projects of upstreams as readers and publishers meet them: one name, one owner."""

import asyncio
import logging
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from wheelyard_server.catalog.counts import Counts
from wheelyard_server.catalog.documents import Documents
from wheelyard_server.catalog.freshness import FreshProject
from wheelyard_server.catalog.mirrors import claims, pins
from wheelyard_server.catalog.mirrors.ages import Ages
from wheelyard_server.catalog.mirrors.first_pages import FirstPages
from wheelyard_server.catalog.mirrors.listed_file import ListedFile
from wheelyard_server.catalog.mirrors.new_names import Asker, NewNames
from wheelyard_server.catalog.mirrors.owners import Owners
from wheelyard_server.catalog.mirrors.revalidation import Revalidation
from wheelyard_server.catalog.mirrors.shadows import Shadow, shadows
from wheelyard_server.catalog.mirrors.sources import ConfiguredUpstream
from wheelyard_server.catalog.stored_project import Forwarded, ForwardReason, Views
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import MonotonicClock
from wheelyard_server.errors import (
    NotFoundError,
    RefreshedLatelyError,
    UpstreamError,
    UpstreamUnavailableError,
    WheelyardError,
)
from wheelyard_server.model import Change, Project
from wheelyard_server.model.mirror import Mirror
from wheelyard_server.names import NormalizedName

log = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0
"""A project is asked for again on demand once in this time."""
REPEATS_PER_NAME = 10
"""How often a client may ask again, on average, for each of the names that no upstream had. Without
a bound, some guessed names would cost the upstream a request each every 10 s. Installers ask five
times in an outage."""
MAX_REFRESHED = 10_000
"""Maximum number of projects whose last refresh is remembered."""


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The upstreams of an index, in order, and the rules for names."""

    configured: tuple[ConfiguredUpstream, ...] = ()
    private: tuple[str, ...] = ()
    """Globs on normalized names that no upstream is asked for."""
    new_names_per_hour: int = 2_000
    """Number of names that one client may be the first to ask for."""
    clock: MonotonicClock = time.monotonic
    """Measures the ages of pages."""
    index: str = ""
    """`<namespace>/<name>` of this index, for the sentences of refusals."""


class Mirrors:
    """All mirrors of one storage."""

    def __init__(
        self,
        documents: Documents,
        upstreams: Upstreams,
        views: Views,
        writes: WriteGate,
        counts: Counts,
    ) -> None:
        clock = upstreams.clock
        self._documents = documents
        self._upstreams = {each.upstream.name: each for each in upstreams.configured}
        self._basis, self._now = views.basis, views.now
        self._writes = writes
        self._clock = clock
        self._owners = Owners(self._upstreams, self._basis, clock)
        self._first_pages = FirstPages(documents, self._owners, views, writes, counts)
        self._revalidation = Revalidation(documents, writes, counts, Ages(clock, views.now), views.now)
        self._new_names = NewNames(upstreams.new_names_per_hour, clock)
        self._repeats = NewNames(REPEATS_PER_NAME * upstreams.new_names_per_hour, clock)
        self._noting: set[asyncio.Task[None]] = set()
        self._refreshed: OrderedDict[NormalizedName, float] = OrderedDict()

    async def current(
        self, seen: FreshProject, asker: Asker | None, *, must_be_fresh: bool = False
    ) -> FreshProject:
        """Return a project that was just read as its owner has it; a name without an owner finds one.

        `must_be_fresh`: wait for the upstream even if the page has only just expired.
        Raises `UpstreamError` if an upstream had to be asked and cannot be: that is never an
        absence.
        """
        project = seen.stored.project
        if not self._upstreams or claims.is_local(project):
            return seen
        owner = self.owner(project)
        if owner is not None and project.mirror is not None:
            # While the storage does not answer, a newer page could not be stored.
            is_late = seen.stale_seconds is not None
            if is_late:
                return seen
            return await self._revalidation.fresh(owner, seen, project.mirror, must_be_fresh=must_be_fresh)
        name = NormalizedName(project.name)
        if not self._basis.policy.order(name) or self._owners.is_absent(name):
            return seen
        if not (project.owner or self._first_pages.is_asked(name)):
            (self._repeats if self._owners.was_asked(name) else self._new_names).count(asker)
        await self._first_pages.make(name, seen.stored)
        made = await self._documents.latest(name)
        self.is_fresh(made.project)  # Its age counts from now on.
        return FreshProject(made, forwarded=Forwarded(ForwardReason.MISS, made.project.owner))

    def is_asked(self, name: NormalizedName) -> bool:
        """Return whether an upstream may be asked for a name."""
        return bool(self._basis.policy.order(name))

    def is_fresh(self, project: Project) -> bool:
        """Return whether `current` would return this project as it is."""
        owner = self.owner(project)
        if owner is None or project.mirror is None:
            return not self._upstreams or claims.is_local(project)
        return self._revalidation.is_fresh(owner, project, project.mirror)

    def confirmed(self, project: Project, mirror: Mirror) -> datetime:
        """Return when its upstream last confirmed a mirror, as far as this replica knows, in UTC."""
        owner = self.owner(project)
        if owner is None:
            return mirror.fetched
        return self._now() - timedelta(seconds=self._revalidation.seconds(owner, project, mirror))

    def renew(self, project: Project) -> None:
        """Ask for the page of a mirror if it is no longer fresh, without waiting."""
        owner = self.owner(project)
        if owner is not None and project.mirror is not None:
            self._revalidation.begin(owner, project, project.mirror)

    def recheck(self, project: Project) -> None:
        """Ask for the page of a mirror even if it is fresh, at most once a minute, without waiting."""
        owner = self.owner(project)
        if owner is not None and project.mirror is not None and self._may_refresh(NormalizedName(project.name)):
            self._revalidation.begin(owner, project, project.mirror, even_if_fresh=True)

    def give_up(self, listed: ListedFile) -> None:
        """Note, without waiting, that a file's bytes can no longer be had; see `pins.without_bytes`."""
        task = asyncio.create_task(self._give_up(listed))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _give_up(self, listed: ListedFile) -> None:
        try:
            await self._writes.passed()
            await self._documents.change(
                listed.project, partial(pins.without_bytes, listed=listed, now=self._now())
            )
        except WheelyardError as error:
            log.warning("%s stays on its page: %s", listed.file.filename, error)

    def owner(self, project: Project) -> ConfiguredUpstream | None:
        """Return the upstream that a project is mirrored from; None if it is not, or is no longer asked for it."""
        mirror = project.mirror
        if mirror is None or not self._basis.policy.upholds(project.owner, mirror, project.name):
            return None
        return self._upstreams[project.owner]

    async def check_publishable(self, name: NormalizedName) -> None:
        """Raise `NameOwnedError` if an upstream has this name, and `UpstreamUnavailableError` if that is unknown.

        No upstream is asked for private names, and for names that this index has already.
        """
        if not self._basis.policy.order(name):
            return
        project = (await self._documents.read(name)).project
        if claims.is_local(project):
            return
        owner = self.owner(project)
        upstream = project.owner if owner is not None else await self._any_that_has(name)
        if upstream:
            raise claims.taken(name, upstream)

    async def _any_that_has(self, name: NormalizedName) -> str:
        try:
            return await self._owners.any_has(name)
        except UpstreamError as error:
            reason = (
                f"cannot be asked whether it has a project {name}, so nothing was published. If the name is yours,"
                f" add it to names.private of this index (`--private`). {error}"
            )
            raise UpstreamUnavailableError(error.upstream, reason) from error

    async def shadows(self, name: NormalizedName) -> tuple[Shadow, ...]:
        """Return the upstreams that have this name, too; none is asked for a private name."""
        return await shadows(name, (self._upstreams[each].upstream for each in self._basis.policy.order(name)))

    async def claim(self, name: NormalizedName, claimed: Change) -> Project:
        """Make a name this index's own, although an upstream may have it, and return the project."""
        return await self._documents.change(name, partial(claims.with_claim, claimed=claimed))

    async def release(self, name: NormalizedName) -> Project:
        """Give a name without files of its own to the first upstream that has it, and return the project."""
        stored = await self._documents.read(name)
        if stored.etag is None:
            raise NotFoundError("No such project in this index")
        claims.check_releasable(stored.project)
        found = await self._owners.first(name)
        if found is not None:
            return await self._first_pages.store(name, found, by_release=True)
        return await self._documents.change(name, claims.released)

    async def refresh(self, seen: FreshProject) -> None:
        """Ask the upstream for a page now; raise `RefreshedLatelyError` within a minute after the last time.

        No upstream is asked for a project of this index's own.
        """
        project = seen.stored.project
        name = NormalizedName(project.name)
        owner = self.owner(project)
        if claims.is_local(project):
            return
        if not self._may_refresh(name):
            seconds = math.ceil(self._refreshed[name] + REFRESH_SECONDS - self._clock())
            raise RefreshedLatelyError(name, max(1, seconds))
        if owner is None or project.mirror is None:
            self._owners.forget(name)
        else:
            await self._revalidation.again(owner, project, project.mirror)

    def _may_refresh(self, name: NormalizedName) -> bool:
        at, now = self._refreshed.get(name), self._clock()
        if at is not None and now - at < REFRESH_SECONDS:
            return False
        self._refreshed[name] = now
        self._refreshed.move_to_end(name)
        while len(self._refreshed) > MAX_REFRESHED:
            self._refreshed.popitem(last=False)
        return True
