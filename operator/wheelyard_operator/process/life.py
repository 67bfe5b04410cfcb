"""Starts and stops the operator: waits until it leads, works, and hands over to the next leader."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any

import kopf
from aiohttp import web

from wheelyard_operator.process.leadership import Leader, LeadershipLostError
from wheelyard_operator.process.queue import WorkQueue

log = logging.getLogger(__name__)

_FINISH_SECONDS = 5.0
"""How long running reconciliations may take to finish at the end."""
_INTERRUPT_SECONDS = 10.0
"""How long they may take to notice that they are refused: together well within a pod's 30 seconds."""


class Life:
    """Starts and stops the queue with the operator, and answers the liveness probe.

    An operator that does not lead watches, too, so that it knows what is due when it becomes the
    leader.
    """

    def __init__(
        self,
        queue: WorkQueue,
        leader: Leader,
        app: web.Application,
        port: int,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """Serve `app` at the `port`. `end` ends the process at once, with all its threads."""
        self._queue = queue
        self._leader = leader
        self._app = app
        self._port = port
        self._end = end
        self._leading: asyncio.Task[None] | None = None
        self._working: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None
        self._stopping = False

    def register(self, registry: kopf.OperatorRegistry) -> None:
        """Register the handlers with kopf."""
        kopf.on.startup(registry=registry)(self.start)
        kopf.on.cleanup(registry=registry)(self.stop)
        kopf.on.probe(registry=registry, id="queue")(self.probe)

    async def start(self, **_: Any) -> None:
        """Serve the metrics, and work as soon as this operator leads."""
        # An access log would have a line for every scrape.
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, port=self._port).start()
        self._leading = self._supervised(self._lead(), "leadership")

    async def stop(self, **_: Any) -> None:
        """End what runs, then let another operator lead."""
        self._stopping = True
        await _cancel(self._working)
        if not await self._queue.comes_to_rest(_FINISH_SECONDS):
            log.warning("Reconciliations are interrupted: the next leader goes on from what exists.")
        self._leader.resign()
        await _cancel(self._leading)
        rests = await self._queue.comes_to_rest(_INTERRUPT_SECONDS)
        if rests:
            await self._leader.release()
        if self._runner:
            await self._runner.cleanup()
        if not rests:
            # The Lease must expire: only then is it certain that nothing is written any more.
            log.error("A reconciliation does not end: the operator exits without waiting for it.")
            self._end(1)

    async def probe(self, **_: Any) -> str:
        """Return what this operator does; raise if it should be restarted."""
        over = any(task and task.done() for task in (self._leading, self._working))
        if over or self._queue.is_stuck():
            raise kopf.PermanentError("No reconciliation makes progress.")
        return "leads" if self._leader.leads else "stands by"

    async def _lead(self) -> None:
        await self._leader.acquire()
        self._working = self._supervised(self._queue.run(), "queue")
        try:
            await self._leader.keep()
        except LeadershipLostError:
            # Threads cannot be stopped in another way. Kubernetes restarts this container, and it
            # stands by.
            log.error("The Lease is lost, another operator may lead: this one exits at once.")  # noqa: TRY400

    def _supervised(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a loop; if it ends unexpectedly, end the process: otherwise it would go unnoticed."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._missed)
        return task

    def _missed(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._stopping and error is None:
            return
        log.critical("The loop %s has ended, and so the operator exits.", task.get_name(), exc_info=error)
        self._end(1)


async def _cancel(task: asyncio.Task[None] | None) -> None:
    if task:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
