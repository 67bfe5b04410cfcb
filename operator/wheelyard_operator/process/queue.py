"""The work queue: workers that take due keys and reconcile them in threads."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from wheelyard_operator.kube import ApiError
from wheelyard_operator.logs import about
from wheelyard_operator.process.heartbeats import Heartbeats
from wheelyard_operator.process.schedule import RESYNC_SECONDS, Schedule
from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_operator.resource import Key

log = logging.getLogger(__name__)

_WORKERS = 16
_STUCK_SECONDS = 300.0
"""Without a heartbeat. No call to the outside takes nearly as long: each has a timeout of some
seconds."""
_REST_SECONDS = 0.05
BUDGET_SECONDS = 30.0
"""For one reconciliation. A thread cannot be ended from outside: a longer one goes on without a
worker."""
_RESTS = 4
"""A key that took too long rests this many times as long, so it has a fifth of a thread at most."""
_MAX_REST_SECONDS = 600.0


class WorkQueue:
    """Calls `reconcile` for each key that is added, one call per key at a time."""

    def __init__(
        self,
        reconcile: Callable[[Key], Outcome],
        heartbeats: Heartbeats | None = None,
        workers: int = _WORKERS,
        resync_seconds: float = RESYNC_SECONDS,
    ) -> None:
        """Take the function for one key, and the heartbeats that its calls record.

        Their clock is the queue's clock, too.
        """
        self._reconcile = reconcile
        self._heartbeats = heartbeats or Heartbeats()
        self._clock = self._heartbeats.clock
        self._workers = workers
        self._schedule = Schedule(lambda: random.uniform(0.75, 1.25), resync_seconds)  # noqa: S311 - no secret
        self.budget_seconds = BUDGET_SECONDS
        self.overran: Callable[[Key], None] = lambda _: None
        """Is called for each reconciliation that exceeds the budget."""
        self._overrunning: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._last_start: float | None = None

    def add(self, key: Key) -> None:
        """Make a key due.

        Raises RuntimeError outside of the event loop, where it would be a race.
        """
        asyncio.get_running_loop()
        self._schedule.add(key, self._clock())
        self._changed.set()

    def known(self, kind: str) -> list[Key]:
        """Return every key of a kind."""
        return self._schedule.known(kind)

    def count_due(self) -> int:
        """Return the number of keys that wait for a worker."""
        return self._schedule.count_due(self._clock())

    def count_running(self) -> int:
        """Return the number of running reconciliations."""
        return self._heartbeats.count()

    def is_stuck(self) -> bool:
        """Return whether a reconciliation hangs, or overdue keys are not started."""
        long_ago = self._clock() - _STUCK_SECONDS
        if self._last_start is None:
            # It has not started to work yet.
            return False
        due, oldest = self._schedule.next_due(), self._heartbeats.oldest()
        none_starts = due is not None and due < long_ago and self._last_start < long_ago
        return none_starts or (oldest is not None and oldest < long_ago)

    async def run(self) -> None:
        """Work until canceled.

        Running reconciliations go on in their threads: see `comes_to_rest`.
        """
        self._last_start = self._clock()
        # If as many reconciliations overrun as there are workers, each worker still has a thread.
        threads = ThreadPoolExecutor(2 * self._workers, thread_name_prefix="reconcile")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work(threads, group))
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    async def comes_to_rest(self, seconds: float) -> bool:
        """Wait for the running reconciliations; return whether all ended in time."""
        until = time.monotonic() + seconds
        while self._heartbeats.count() and time.monotonic() < until:  # noqa: ASYNC110 - threads do not tell the loop
            await asyncio.sleep(_REST_SECONDS)
        return not self._heartbeats.count()

    async def _work(self, threads: ThreadPoolExecutor, group: asyncio.TaskGroup) -> None:
        while True:
            key = await self._next()
            self._last_start = self._clock()
            with about(key):
                await self._watched(key, group.create_task(self._reconciled(key, threads)))

    async def _watched(self, key: Key, run: asyncio.Task[None]) -> None:
        """Wait for a run, but not beyond its budget while other threads are free."""
        await asyncio.wait([run], timeout=self.budget_seconds)
        if run.done():
            return
        self.overran(key)
        log.warning("%s: takes longer than %g s: others do not wait for it", key, self.budget_seconds)
        if len(self._overrunning) >= self._workers:
            await asyncio.wait([run])
            return
        self._overrunning.add(run)
        run.add_done_callback(self._overrunning.discard)

    async def _reconciled(self, key: Key, threads: ThreadPoolExecutor) -> None:
        start = self._clock()
        try:
            outcome = await asyncio.get_running_loop().run_in_executor(threads, self._run, key)
        except ApiError as error:
            log.warning("%s: will be retried: %s", key, error)
            self._schedule.failed(key, self._clock())
        except Exception:
            log.exception("%s: failed, will be retried", key)
            self._schedule.failed(key, self._clock())
        else:
            self._schedule.done(key, outcome, self._clock())
        finally:
            self._rest(key, self._clock() - start)
            self._changed.set()

    def _rest(self, key: Key, took: float) -> None:
        if took > self.budget_seconds:
            self._schedule.rest(key, min(_RESTS * took, _MAX_REST_SECONDS), self._clock())

    def _run(self, key: Key) -> Outcome:
        with about(key), self._heartbeats.at_work():
            return self._reconcile(key)

    async def _next(self) -> Key:
        while True:
            now = self._clock()
            key = self._schedule.take(now)
            if key is not None:
                return key
            due = self._schedule.next_due()
            self._changed.clear()
            try:
                # Not `wait_for`: in Python 3.11 it loses a cancellation that comes with the event.
                async with asyncio.timeout(None if due is None else max(due - now, 0.01)):
                    await self._changed.wait()
            except TimeoutError:
                continue
