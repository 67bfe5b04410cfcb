"""Fast-lane requests that wait for one revalidation of their project, together."""

import asyncio
from collections.abc import Callable, Sequence

from wheelyard_server.access.readable import ReadableCatalog, ReadableProject
from wheelyard_server.names import NormalizedName
from wheelyard_server.web.front.request_groups import RequestGroup, RunningTasks, count_clients, cut_off
from wheelyard_server.web.http.lifecycle import Lifecycle

MAX_GATHERINGS = 16
"""The longest that requests wait for others to join them; each takes two turns of the event loop."""

AnswerGroup = Callable[[RequestGroup, ReadableProject | None], None]
"""Answers a group from its project as it is now; None if the storage could not be asked."""


class Revalidation:
    """Asks the storage once for all requests that wait for a project."""

    def __init__(self, catalog: ReadableCatalog, lifecycle: Lifecycle, answer: AnswerGroup) -> None:
        self._catalog = catalog
        self._lifecycle = lifecycle
        self._answer = answer
        self._waiting: dict[NormalizedName, list[RequestGroup]] = {}
        self._tasks = RunningTasks()

    def wait(self, group: RequestGroup) -> None:
        """Answer a group once its project is known to be current."""
        name = group.target.project
        others = self._waiting.get(name)
        if others is not None:
            others.append(group)
            return
        self._waiting[name] = [group]
        self._tasks.start(self._answer_waiting(name))

    async def _answer_waiting(self, name: NormalizedName) -> None:
        with self._lifecycle.running():
            try:
                while waiting := self._waiting[name]:
                    # Requests from here on wait for the next question: no answer is older than its
                    # request.
                    self._waiting[name] = []
                    await self._answer_all(name, waiting)
                    await self._gather(name, count_clients(waiting))
            finally:
                del self._waiting[name]

    async def _gather(self, name: NormalizedName, answered: int) -> None:
        """Return when as many requests wait for a project as were just answered, or when no more come.

        Quick clients have asked again by then, and share one question with the requests that wait
        already: a request is read in one turn of the event loop, and waits at the end of the next.
        """
        before = first = count_clients(self._waiting[name])
        for _ in range(MAX_GATHERINGS):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting = count_clients(self._waiting[name])
            if waiting == before or waiting - first >= answered:
                return
            before = waiting

    async def _answer_all(self, name: NormalizedName, groups: Sequence[RequestGroup]) -> None:
        self._catalog.counts.page_reads += count_clients(groups) - 1
        project = await self._current(name)
        for group in groups:
            try:
                self._answer(group, project)
            except Exception as error:  # noqa: BLE001 - it is logged there
                cut_off(group.target.path, group.clients, error)

    async def _current(self, name: NormalizedName) -> ReadableProject | None:
        try:
            return await self._catalog.revalidated_project(name)
        except Exception:  # noqa: BLE001 - aiohttp's way meets the same error, and answers and logs it
            return None
