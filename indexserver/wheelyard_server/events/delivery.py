"""Sends the events that wait, one after the other, and again if the webhook does not take them."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

from wheelyard_server.clock import EpochClock, MonotonicClock
from wheelyard_server.events.queue import EventQueue, Result, Waiting
from wheelyard_server.events.sender import NotSentError

log = logging.getLogger(__name__)

CHECK_SECONDS = 1
"""How often waiting events are looked for."""
ROUND_SECONDS = 30
"""A round that has more to send goes on in the next one."""
MIN_WAIT_SECONDS = 1.0
MAX_WAIT_SECONDS = 300.0
"""The pause after a failed attempt doubles from the first to the second."""
MAX_ASKED_SECONDS = 3600.0
"""The longest pause that a receiver may ask for."""
MAX_REFUSALS = 3
"""An event that the receiver refuses so often is given up, so that the next ones get through."""
LAST_SECONDS = 5
"""Time for the events that wait when the server ends."""


class Sends(Protocol):
    """Sends one event; see `Sender`."""

    async def send(self, event: Waiting, *, is_again: bool) -> None:
        """Raise `NotSentError` if it was not accepted."""
        ...


class State(NamedTuple):
    """Whether events arrive."""

    failing: str = ""
    """Why the last attempt failed, as a sentence; "" if it did not."""
    since: float | None = None
    """When the first attempt failed after the last success, in seconds since 1970."""


class Delivery:
    """Sends the events of a queue in their order."""

    def __init__(
        self,
        queue: EventQueue,
        sender: Sends,
        clock: MonotonicClock,
        wall_clock: EpochClock,
        jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2),  # noqa: S311 - no secret
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._clock = clock
        self._wall_clock = wall_clock
        self._jitter = jitter
        self._failures = 0
        """Failed attempts since the last success."""
        self._refusals = 0
        """Refusals of the first event."""
        self._not_before = 0.0
        self.state = State()

    async def deliver(self) -> None:
        """Send what waits, until nothing does, an attempt fails or the round is over."""
        end = self._clock() + ROUND_SECONDS
        while self._not_before <= self._clock() < end:
            event = self._queue.first()
            if event is None:
                return
            await self._attempt(event)

    async def finish(self) -> None:
        """Send what waits before the server ends, if the webhook works and takes it within seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self.deliver()
        if len(self._queue):
            log.warning("%d events were not sent before the end", len(self._queue))

    async def _attempt(self, event: Waiting) -> None:
        try:
            await self._sender.send(event, is_again=self._failures > 0)
        except NotSentError as error:
            self._failed(event, error)
        else:
            self._sent(event, Result.SENT)

    def _sent(self, event: Waiting, result: Result) -> None:
        self._queue.done(event, result)
        if self.state.failing:
            log.info("The webhook takes events again")
        self._failures, self._refusals, self._not_before, self.state = 0, 0, 0.0, State()

    def _failed(self, event: Waiting, error: NotSentError) -> None:
        self._queue.counts.failed_attempts += 1
        self._refusals += error.is_refusal
        if self._refusals >= MAX_REFUSALS:
            log.error("The webhook %s, so an event is given up: %s %s", error, event.kind, event.id)
            self._sent(event, Result.REFUSED)
            return
        reason = f"The webhook {error}"
        if reason != self.state.failing:
            log.warning("%s: events wait", reason)
        self.state = State(reason, self.state.since or self._wall_clock())
        pause = min(MIN_WAIT_SECONDS * 2 ** min(self._failures, 20), MAX_WAIT_SECONDS) * self._jitter()
        self._not_before = self._clock() + max(pause, min(error.seconds, MAX_ASKED_SECONDS))
        self._failures += 1
