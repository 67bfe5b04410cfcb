"""Background loops: work that comes round for as long as the process lives, and their supervision (ADR 27).

A round that fails unexpectedly is logged, counted and shown, and what the rounds before brought stays. A loop that
ends ends the process: nobody would miss it otherwise.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from wheelyard_server.clock import EpochClock

log = logging.getLogger(__name__)

LATE_SECONDS = 60
"""A round that takes longer is stuck, if nothing else is said."""
MAX_SECONDS_BETWEEN_FAILURES = 5


@dataclass(eq=False)
class Loop:
    """Work that comes round every so many seconds."""

    name: str
    """What it does, in words for people and a label of metrics."""
    work: Callable[[], Awaitable[None]]
    """One round."""
    seconds: float
    """Between two rounds."""
    clock: EpochClock
    """Seconds since 1970."""
    at_once: bool = False
    """The first round does not wait."""
    late_seconds: float = LATE_SECONDS
    """A round that takes longer is stuck."""
    failures: int = 0
    """Rounds that have failed since the start."""
    failing: bool = False
    """The last round has failed."""
    finished: float = 0
    """When the last good round ended, as seconds since 1970; the start of the loop counts as one."""
    _round_ended: float = 0
    _logged: str = ""
    _task: asyncio.Task[None] | None = None

    def start(self, ended: Callable[["Loop"], None]) -> None:
        """Begin; `ended` is called if it ends without `stop`."""
        self.finished = self._round_ended = self.clock()
        self._task = asyncio.create_task(self._run(), name=f"background: {self.name}")
        self._task.add_done_callback(lambda task: self._end(task, ended))

    def stop(self) -> None:
        """End it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    @property
    def is_late(self) -> bool:
        """Return whether it is stuck in a round."""
        return self.clock() - self._round_ended > self.seconds + self.late_seconds

    def _end(self, task: asyncio.Task[None], ended: Callable[["Loop"], None]) -> None:
        if task is self._task:
            error = None if task.cancelled() else task.exception()
            log.critical("%s has ended, so the process does, too", self.name, exc_info=error)
            ended(self)

    async def _run(self) -> None:
        in_a_row = 0
        if self.at_once:
            await self._round()
        while True:
            await asyncio.sleep(min(self.seconds * 2**in_a_row, max(self.seconds, MAX_SECONDS_BETWEEN_FAILURES)))
            in_a_row = 0 if await self._round() else min(in_a_row + 1, 10)

    async def _round(self) -> bool:
        try:
            await self.work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next round may succeed
            self._failed(error)
        else:
            self._succeeded()
        self._round_ended = self.clock()
        return not self.failing

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self.failing = True
        if self._logged != repr(error):  # The same every few seconds would hide the rest of the log.
            log.error("Unexpected error: %s has failed and is tried again", self.name, exc_info=error)
        self._logged = repr(error)

    def _succeeded(self) -> None:
        if self.failing:
            log.info("%s works again", self.name)
        self.failing, self._logged, self.finished = False, "", self.clock()


@dataclass(eq=False)
class Background:
    """All background loops of a process."""

    clock: EpochClock
    """Seconds since 1970."""
    loops: list[Loop] = field(default_factory=list)
    ended: Loop | None = None
    """The first one that has ended though nobody stopped it."""
    on_end: Callable[[], None] = lambda: None
    """Called when that happens."""

    def start(
        self,
        name: str,
        work: Callable[[], Awaitable[None]],
        seconds: float,
        *,
        at_once: bool = False,
        late_seconds: float = LATE_SECONDS,
    ) -> Loop:
        """Do this every so many seconds from now on."""
        loop = Loop(name, work, seconds, self.clock, at_once, late_seconds)
        self.loops.append(loop)
        loop.start(self._ended)
        return loop

    @property
    def failing(self) -> tuple[str, ...]:
        """What failed at the last attempt; the last good state is in force."""
        return tuple(loop.name for loop in self.loops if loop.failing)

    @property
    def late(self) -> tuple[str, ...]:
        """What is stuck."""
        return tuple(loop.name for loop in self.loops if loop.is_late)

    def _ended(self, loop: Loop) -> None:
        self.ended = self.ended or loop
        self.on_end()
