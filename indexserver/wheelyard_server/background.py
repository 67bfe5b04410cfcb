"""Background loops: periodic work for the life of the process, and its supervision (ADR 27).

An unexpected failure of a round is logged, counted and shown; the results of earlier rounds stay.
If a loop ends, the process ends: its absence would otherwise go unnoticed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from wheelyard_server.clock import EpochClock

log = logging.getLogger(__name__)

LATE_SECONDS = 60
"""Default for `Loop.late_seconds`."""
MAX_SECONDS_BETWEEN_FAILURES = 5


@dataclass(eq=False)
class Loop:
    """Work that is repeated every few seconds."""

    name: str
    """A description for people, which is also a label of metrics."""
    work: Callable[[], Awaitable[None]]
    """Does one round."""
    seconds: float
    """Seconds between two rounds."""
    clock: EpochClock
    at_once: bool = False
    """Whether the first round starts immediately."""
    late_seconds: float = LATE_SECONDS
    """A round that takes longer counts as stuck."""
    failures: int = 0
    """Number of failed rounds since the start."""
    failing: bool = False
    """Whether the last round failed."""
    finished: float = 0
    """When the last successful round ended, in seconds since 1970; at first, when the loop
    started."""
    _round_ended: float = 0
    _logged: str = ""
    _task: asyncio.Task[None] | None = None

    def start(self, ended: Callable[["Loop"], None]) -> None:
        """Start; `ended` is called if the loop ends without `stop`."""
        self.finished = self._round_ended = self.clock()
        self._task = asyncio.create_task(self._run(), name=f"background: {self.name}")
        self._task.add_done_callback(lambda task: self._end(task, ended))

    def stop(self) -> None:
        """End the loop."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    @property
    def is_late(self) -> bool:
        """Return whether the loop is stuck in a round."""
        return self.clock() - self._round_ended > self.seconds + self.late_seconds

    def _end(self, task: asyncio.Task[None], ended: Callable[["Loop"], None]) -> None:
        if task is self._task:
            error = None if task.cancelled() else task.exception()
            log.critical("The process ends because a background loop has ended: %s", self.name, exc_info=error)
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
        if self._logged != repr(error):  # The same message every few seconds would hide the rest of the log.
            log.error("Unexpected error: %s failed and will be retried", self.name, exc_info=error)
        self._logged = repr(error)

    def _succeeded(self) -> None:
        if self.failing:
            log.info("%s works again", self.name)
        self.failing, self._logged, self.finished = False, "", self.clock()


@dataclass(eq=False)
class Background:
    """All background loops of a process."""

    clock: EpochClock
    loops: list[Loop] = field(default_factory=list)
    ended: Loop | None = None
    """The first loop that ended without `stop`."""
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
        """Start a loop that does this every `seconds`."""
        loop = Loop(name, work, seconds, self.clock, at_once, late_seconds)
        self.loops.append(loop)
        loop.start(self._ended)
        return loop

    @property
    def failing(self) -> tuple[str, ...]:
        """Return the loops whose last round failed; the last good state is in force."""
        return tuple(loop.name for loop in self.loops if loop.failing)

    @property
    def late(self) -> tuple[str, ...]:
        """Return the loops that are stuck."""
        return tuple(loop.name for loop in self.loops if loop.is_late)

    def _ended(self, loop: Loop) -> None:
        self.ended = self.ended or loop
        self.on_end()
