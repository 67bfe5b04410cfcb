"""The work queue: tasks that take due keys and reconcile them in threads."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from wheelyard_operator.kube import ApiError
from wheelyard_operator.logs import about
from wheelyard_operator.process.heartbeats import SignsOfLife
from wheelyard_operator.process.schedule import RESYNC_SECONDS, Schedule
from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_operator.resource import Key

log = logging.getLogger(__name__)

_WORKERS = 16
_STUCK_SECONDS = 300.0
"""Without a sign of life. No call to the outside may take nearly as long: each has a timeout of some seconds."""
_REST_SECONDS = 0.05
BUDGET_SECONDS = 30.0
"""For one reconciliation. A thread cannot be ended from outside: what takes longer goes on without a worker."""
_RESTS = 4
"""Times as long as it took, a key that took too long is left alone: it has a fifth of one thread at most."""
_LONGEST_REST_SECONDS = 600.0


class WorkQueue:
    """Calls `reconcile` for each key that is added, one call per key at a time."""

    def __init__(
        self,
        reconcile: Callable[[Key], Outcome],
        signs: SignsOfLife | None = None,
        workers: int = _WORKERS,
        resync_seconds: float = RESYNC_SECONDS,
    ) -> None:
        """`signs` is told by reconciliations that they make progress."""
        self._reconcile = reconcile
        self._signs = signs or SignsOfLife()
        self._workers = workers
        self._schedule = Schedule(lambda: random.uniform(0.75, 1.25), resync_seconds)  # noqa: S311 - no secret
        self.budget_seconds = BUDGET_SECONDS
        self.overran: Callable[[Key], None] = lambda _: None
        """Is told of each reconciliation that takes longer than that."""
        self._overrunning: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._last_start: float | None = None

    def add(self, key: Key) -> None:
        """Make a key due. Raises RuntimeError outside of the event loop, where it would be a race."""
        asyncio.get_running_loop()
        self._schedule.add(key, time.monotonic())
        self._changed.set()

    def known(self, kind: str) -> list[Key]:
        """Return every key of a kind that is looked after."""
        return self._schedule.known(kind)

    def count_due(self) -> int:
        """Return how many keys wait for a worker."""
        return self._schedule.count_due(time.monotonic())

    def count_running(self) -> int:
        """Return how many reconciliations are under way."""
        return self._signs.count()

    def is_stuck(self) -> bool:
        """Return whether some reconciliation hangs, or something has been due for long while none was started."""
        long_ago = time.monotonic() - _STUCK_SECONDS
        if self._last_start is None:
            # It was not told to work yet.
            return False
        due, sign = self._schedule.next_due(), self._signs.oldest()
        nobody_takes = due is not None and due < long_ago and self._last_start < long_ago
        return nobody_takes or (sign is not None and sign < long_ago)

    async def run(self) -> None:
        """Work until cancelled. What is under way then goes on in its thread: see `comes_to_rest`."""
        self._last_start = time.monotonic()
        # As many reconciliations may take too long as there are workers, and each worker still has a thread.
        threads = ThreadPoolExecutor(2 * self._workers, thread_name_prefix="reconcile")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work(threads, group))
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    async def comes_to_rest(self, seconds: float) -> bool:
        """Wait until no reconciliation is under way, for so long at most; whether that is so."""
        until = time.monotonic() + seconds
        while self._signs.count() and time.monotonic() < until:  # noqa: ASYNC110 - threads do not tell the loop
            await asyncio.sleep(_REST_SECONDS)
        return not self._signs.count()

    async def _work(self, threads: ThreadPoolExecutor, group: asyncio.TaskGroup) -> None:
        while True:
            key = await self._next()
            self._last_start = time.monotonic()
            with about(key):
                await self._watched(key, group.create_task(self._reconciled(key, threads)))

    async def _watched(self, key: Key, run: asyncio.Task[None]) -> None:
        """Wait for a run, but no longer than its budget while there are threads for others."""
        await asyncio.wait([run], timeout=self.budget_seconds)
        if run.done():
            return
        self.overran(key)
        log.warning("%s: takes longer than %g s: others go on without waiting", key, self.budget_seconds)
        if len(self._overrunning) >= self._workers:
            await asyncio.wait([run])
            return
        self._overrunning.add(run)
        run.add_done_callback(self._overrunning.discard)

    async def _reconciled(self, key: Key, threads: ThreadPoolExecutor) -> None:
        start = time.monotonic()
        try:
            outcome = await asyncio.get_running_loop().run_in_executor(threads, self._run, key)
        except ApiError as error:
            log.warning("%s: will be tried again: %s", key, error)
            self._schedule.failed(key, time.monotonic())
        except Exception:
            log.exception("%s: failed, will be tried again", key)
            self._schedule.failed(key, time.monotonic())
        else:
            self._schedule.done(key, outcome, time.monotonic())
        finally:
            self._rest(key, time.monotonic() - start)
            self._changed.set()

    def _rest(self, key: Key, took: float) -> None:
        if took > self.budget_seconds:
            self._schedule.rest(key, min(_RESTS * took, _LONGEST_REST_SECONDS), time.monotonic())

    def _run(self, key: Key) -> Outcome:
        with about(key), self._signs.at_work():
            return self._reconcile(key)

    async def _next(self) -> Key:
        while True:
            now = time.monotonic()
            key = self._schedule.take(now)
            if key is not None:
                return key
            due = self._schedule.next_due()
            self._changed.clear()
            try:
                # Not `wait_for`: that of Python 3.11 forgets a cancellation that comes with the event.
                async with asyncio.timeout(None if due is None else max(due - now, 0.01)):
                    await self._changed.wait()
            except TimeoutError:
                continue
