"""Keeps known mirrors fresh: one question per project and window on each replica, and patience with outages."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from wheelyard_server.catalog.counts import Counts
from wheelyard_server.catalog.documents import CHANGED_AT_ONCE, Documents
from wheelyard_server.catalog.freshness import PATIENCE_SECONDS, FreshProject
from wheelyard_server.catalog.mirrors import snapshot
from wheelyard_server.catalog.mirrors.ages import Age, Ages
from wheelyard_server.catalog.mirrors.sources import ConfiguredUpstream
from wheelyard_server.catalog.packed_files import unpacked
from wheelyard_server.catalog.stored_project import Forwarded, ForwardReason
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.clock import MonotonicClock, WallClock
from wheelyard_server.errors import UpstreamAnswerError, UpstreamUnavailableError, WheelyardError
from wheelyard_server.events.kinds import digest_changed
from wheelyard_server.model import Project
from wheelyard_server.model.mirror import Mirror
from wheelyard_server.names import NormalizedName
from wheelyard_server.sliced import freed
from wheelyard_server.upstream import Absent, Page, Unchanged

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
"""How long an upstream that failed is not asked for the same project, unless it says for how long."""
CLOCKS_DIFFER = timedelta(minutes=1)
"""By how much the clocks of replicas may differ."""
IMPATIENCE_SECONDS = 0.05
"""How long a reader waits while the last question has failed."""


class _Asking(NamedTuple):
    task: asyncio.Task[None]
    begun: float


class Revalidation:
    """Asks upstreams for the pages of projects that they own."""

    def __init__(self, documents: Documents, writes: WriteGate, counts: Counts, ages: Ages, now: WallClock) -> None:
        self._documents = documents
        self._writes = writes
        self._counts = counts
        self._ages = ages
        self._now = now
        self._clock: MonotonicClock = ages.clock
        self._asking: dict[NormalizedName, _Asking] = {}

    def is_fresh(self, owner: ConfiguredUpstream, project: Project, mirror: Mirror) -> bool:
        """Return whether a mirror needs no question."""
        return owner.offline or self._ages.is_fresh(self._ages.of(project.name, mirror, owner.freshness))

    def seconds(self, owner: ConfiguredUpstream, project: Project, mirror: Mirror) -> float:
        """Return the time since the upstream last confirmed a mirror."""
        return self._ages.seconds(self._ages.of(project.name, mirror, owner.freshness))

    def begin(
        self, owner: ConfiguredUpstream, project: Project, mirror: Mirror, *, even_if_fresh: bool = False
    ) -> None:
        """Ask for the page if it is no longer fresh, without waiting."""
        age = self._ages.of(project.name, mirror, owner.freshness)
        is_needed = even_if_fresh or not self._ages.is_fresh(age)
        if not owner.offline and is_needed and self._ages.may_ask(age):
            self._ask(owner, NormalizedName(project.name), age)

    async def fresh(
        self, owner: ConfiguredUpstream, seen: FreshProject, mirror: Mirror, *, must_be_fresh: bool = False
    ) -> FreshProject:
        """Return the project as its upstream has it, or as it was last known while that does not answer.

        `must_be_fresh`: wait for the answer even if the page has only just expired.
        Raises `UpstreamUnavailableError` if the upstream has not answered for too long.
        """
        name = NormalizedName(seen.stored.project.name)
        age = self._ages.of(name, mirror, owner.freshness)
        if owner.offline or self._ages.is_fresh(age):
            return seen
        if self._ages.may_ask(age) or name in self._asking:
            asking = self._ask(owner, name, age)
            if self._ages.is_usable_meanwhile(age) and not must_be_fresh:
                return seen
            await asyncio.wait([asking.task], timeout=self._patience(owner, age, asking))
            if asking.task.done() and not age.error:
                forwarded = Forwarded(ForwardReason.STALE, owner.upstream.name)
                return FreshProject(await self._documents.latest(name), forwarded=forwarded)
        return self._stale(owner, seen, age)

    async def again(self, owner: ConfiguredUpstream, project: Project, mirror: Mirror) -> None:
        """Ask for the page now, whether it is fresh or not; raise `UpstreamUnavailableError` if that fails."""
        age = self._ages.of(project.name, mirror, owner.freshness)
        await asyncio.wait([self._ask(owner, NormalizedName(project.name), age).task])
        if age.error:
            raise self._unavailable(owner, age)

    def _patience(self, owner: ConfiguredUpstream, age: Age, asking: _Asking) -> float:
        if age.error and self._ages.is_within(age, owner.freshness):
            return IMPATIENCE_SECONDS
        return max(IMPATIENCE_SECONDS, PATIENCE_SECONDS - (self._clock() - asking.begun))

    def _stale(self, owner: ConfiguredUpstream, seen: FreshProject, age: Age) -> FreshProject:
        if not self._ages.is_within(age, owner.freshness):
            raise self._unavailable(owner, age)
        self._counts.mirrors.stale_reads += 1
        return FreshProject(seen.stored, self._ages.seconds(age), f"the upstream {owner.upstream.name}")

    def _unavailable(self, owner: ConfiguredUpstream, age: Age) -> UpstreamUnavailableError:
        why = f": {age.error}" if age.error else ""
        seconds = max(1, int(age.retry_at - self._clock())) if age.error else int(RETRY_SECONDS)
        return UpstreamUnavailableError(owner.upstream.name, f"has given no usable answer{why}", seconds)

    def _ask(self, owner: ConfiguredUpstream, name: NormalizedName, age: Age) -> _Asking:
        """Return the question that is under way, or begin one."""
        asking = self._asking.get(name)
        if asking is None:
            task = asyncio.create_task(self._revalidate(owner, name, age))
            task.add_done_callback(lambda _: self._asking.pop(name))
            asking = self._asking[name] = _Asking(task, self._clock())
        return asking

    async def _revalidate(self, owner: ConfiguredUpstream, name: NormalizedName, age: Age) -> None:
        begun = self._clock()
        try:
            max_age = await self._taken(owner, name, age)
        except WheelyardError as error:
            log.warning("The page of %s could not be renewed: %.1000s", name, error)
            seconds = error.seconds if isinstance(error, UpstreamUnavailableError) else RETRY_SECONDS
            self._ages.failed(age, str(error), seconds)
        except Exception as error:
            log.exception("The page of %s could not be renewed", name)
            self._ages.failed(age, f"the server failed ({type(error).__name__})", RETRY_SECONDS)
        else:
            self._ages.confirmed(age, owner.freshness, begun, max_age)

    async def _taken(self, owner: ConfiguredUpstream, name: NormalizedName, age: Age) -> float | None:
        """Ask, store what has changed, and return for how long the upstream allows to keep the page."""
        begun, etag = self._now(), age.etag
        answer = await owner.upstream.page(name, etag)
        if isinstance(answer, Page):
            mirror = await self._store(owner, name, answer, begun)
            if mirror is not None and mirror.missing is None and mirror.outdated is None:
                age.etag = answer.etag
            max_age, files = answer.max_age, list(answer.files)
            del answer
            await freed(files)
            return max_age
        if isinstance(answer, Unchanged) and not etag:
            raise UpstreamAnswerError(owner.upstream.name, "answered 304 to a request without an ETag")
        change = snapshot.missing if isinstance(answer, Absent) else snapshot.unchanged
        now, stored = self._now(), await self._documents.latest(name)
        known = (await unpacked(stored.project)).mirror
        if known is not None and change(known, now) is not known:
            await self._change(owner, name, lambda mirror: change(mirror, now), begun)
        return answer.max_age if isinstance(answer, Unchanged) else None

    async def _store(
        self, owner: ConfiguredUpstream, name: NormalizedName, page: Page, begun: datetime
    ) -> Mirror | None:
        source, now = snapshot.Source(name, owner.upstream.name, owner.upstream.url), self._now()
        taken: snapshot.Taken | None = None

        def take(mirror: Mirror) -> Mirror:
            nonlocal taken
            taken = snapshot.take(mirror, page, source, now)
            return taken.mirror

        await self._change(owner, name, take, begun, is_large=len(page.files) > CHANGED_AT_ONCE)
        if taken is None:
            return None
        self._count(name, source.upstream, taken)
        return taken.mirror

    def _count(self, name: NormalizedName, upstream: str, taken: snapshot.Taken) -> None:
        counts = self._counts.mirrors
        counts.conflicts[upstream] += len(taken.conflicts)
        counts.gone[upstream] += taken.gone
        counts.dropped[upstream] += taken.dropped
        for file in taken.conflicts:
            log.error(
                "The upstream %s lists other bytes for %s than before: they are refused", upstream, file.filename
            )
            self._counts.events.emit(digest_changed(name, upstream, file, self._now()))

    async def _change(
        self,
        owner: ConfiguredUpstream,
        name: NormalizedName,
        change: Callable[[Mirror], Mirror],
        begun: datetime,
        *,
        is_large: bool = False,
    ) -> None:
        """Change the mirror, unless it belongs to another owner by now, or another replica asked later."""
        await self._writes.passed()
        # A time that is far ahead comes from a wrong clock: until then, no page would be stored.
        latest = self._now() + CLOCKS_DIFFER

        def changed(project: Project) -> Project:
            mirror = project.mirror
            if mirror is None or project.owner != owner.upstream.name or mirror.url != owner.upstream.url:
                return project
            if begun < mirror.fetched <= latest:
                return project
            new = change(mirror)
            return project if new is mirror else project.replace(mirror=new)

        await self._documents.change(name, changed, in_thread=is_large)
