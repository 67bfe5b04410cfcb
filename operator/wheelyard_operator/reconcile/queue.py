"""The work queue: tasks that take due keys and reconcile them in threads."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from wheelyard_operator.kube import ApiError
from wheelyard_operator.reconcile.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from wheelyard_operator.reconcile.outcome import Outcome
    from wheelyard_operator.resource import Key

log = logging.getLogger(__name__)

_WORKERS = 8
_STUCK_SECONDS = 300.0


class WorkQueue:
    """Calls `reconcile` for each key that is added, one call per key at a time."""

    def __init__(self, reconcile: Callable[[Key], Outcome], workers: int = _WORKERS) -> None:
        self._reconcile = reconcile
        self._workers = workers
        self._schedule = Schedule(lambda: random.uniform(0.75, 1.25))  # noqa: S311 - no secret
        self._changed = asyncio.Event()
        self._started: dict[Key, float] = {}

    def add(self, key: Key) -> None:
        """Make a key due. Raises RuntimeError outside of the event loop, where it would be a race."""
        asyncio.get_running_loop()
        self._schedule.add(key, time.monotonic())
        self._changed.set()

    def known(self, kind: str) -> list[Key]:
        """Give every key of a kind that is looked after."""
        return self._schedule.known(kind)

    def is_stuck(self) -> bool:
        """Whether some reconciliation hangs, or something has been due for long and nobody took it."""
        long_ago = time.monotonic() - _STUCK_SECONDS
        due = self._schedule.next_due()
        return any(start < long_ago for start in self._started.values()) or (due is not None and due < long_ago)

    async def run(self) -> None:
        """Work until cancelled."""
        with ThreadPoolExecutor(self._workers, thread_name_prefix="reconcile") as threads:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work(threads))

    async def _work(self, threads: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            key = await self._next()
            self._started[key] = time.monotonic()
            try:
                outcome = await loop.run_in_executor(threads, self._reconcile, key)
            except ApiError as error:
                log.warning("%s: will be tried again: %s", key, error)
                self._schedule.failed(key, time.monotonic())
            except Exception:
                log.exception("%s: failed, will be tried again", key)
                self._schedule.failed(key, time.monotonic())
            else:
                self._schedule.done(key, outcome, time.monotonic())
            finally:
                del self._started[key]
                self._changed.set()

    async def _next(self) -> Key:
        while True:
            now = time.monotonic()
            key = self._schedule.take(now)
            if key is not None:
                return key
            due = self._schedule.next_due()
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), None if due is None else max(due - now, 0.01))
            except TimeoutError:
                continue
