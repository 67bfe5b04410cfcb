"""The fetch log as one principal may ask it."""

import asyncio
from collections.abc import Iterable

from wheelyard_server.access.fetcher import login_of
from wheelyard_server.access.guarded_changes import GuardedChanges
from wheelyard_server.access.rules import Verb
from wheelyard_server.catalog.exposures import Exposures
from wheelyard_server.catalog.fetches.answers import FetchFilter, Statistics, WhoFetched
from wheelyard_server.catalog.fetches.fetch_log import Coverage
from wheelyard_server.catalog.plans import Plan, Release
from wheelyard_server.model import File
from wheelyard_server.model.mirror import MirroredFile
from wheelyard_server.names import NormalizedName
from wheelyard_server.settings.policy import PolicyFile


class GuardedLog(GuardedChanges):
    """Records fetches, and answers questions about them; see `GuardedCatalog`."""

    def record_fetch(self, name: str, file: File | MirroredFile, client: str, *, is_part: bool = False) -> None:
        """Record that a client of this family gets bytes of a file, or a redirect to them."""
        which = (name, file.filename, file.sha256, file.version)
        counter, address = self._catalog.fetches.counter, self._record.address
        counter.count(which, login_of(self.principal), address, client, is_part=is_part)

    async def who_fetched_project(
        self, name: NormalizedName, version: str, days: int
    ) -> tuple[WhoFetched, Coverage]:
        """Return who fetched files of a project, or of one version of it, in the last days."""
        self._require(Verb.MANAGE, name)
        return await self._catalog.fetches.who(FetchFilter(project=name, version=version), days)

    async def who_fetched_digest(self, sha256: str, days: int) -> tuple[WhoFetched, Coverage]:
        """Return who fetched a file, of the projects that the principal may manage."""
        self._require_some(Verb.MANAGE)
        return await self._catalog.fetches.who(FetchFilter(sha256=sha256, covers=self._may_manage), days)

    async def statistics(self, name: NormalizedName, days: int) -> tuple[Statistics, Coverage]:
        """Return how often files of a project were fetched in the last days, without a word about fetchers."""
        self._require(Verb.READ, name)
        return await self._catalog.fetches.statistics(name, days)

    async def plan(self, file: PolicyFile, releases: Iterable[Release], days: int) -> tuple[Plan, Coverage]:
        """Return what a policy file would change for files that were fetched in the last days, and for releases.

        Only projects that the principal may manage are compared.
        """
        self.require_planner()
        used, coverage = await self._catalog.fetches.used(days, self._may_manage)
        files = await asyncio.to_thread(used.files)
        locked = [each for each in releases if self._may_manage(each.project)]
        basis = self._catalog.basis
        planned = await asyncio.to_thread(basis.planned, file)
        return await self._catalog.planner.plan(basis.value, planned, files, locked), coverage

    async def exposures(self, days: int) -> tuple[Exposures, Coverage]:
        """Return what is known about files that were fetched, of the projects that the principal may manage."""
        self._require_some(Verb.MANAGE)
        used, coverage = await self._catalog.fetches.used(days, self._may_manage)
        files = await asyncio.to_thread(used.files)
        return await self._catalog.exposures.find(files, self._catalog.basis.value), coverage

    def require_planner(self) -> None:
        """Refuse a principal that may manage nothing, before its request is read."""
        self._require_some(Verb.MANAGE)

    def _may_manage(self, project: str) -> bool:
        return self._may(Verb.MANAGE, NormalizedName(project))
