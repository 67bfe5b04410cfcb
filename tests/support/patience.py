"""How long tests wait for an event: so long that only a hang ends the wait, however slow the machine is."""

import asyncio
import time
from collections.abc import Callable

HANG_SECONDS = 300
"""After so long, what was waited for is not going to happen."""
_PAUSE_SECONDS = 0.002


_TURNS = 50


async def until(happened: Callable[[], object]) -> None:
    """Wait until a condition holds, while the loop goes on."""
    async with asyncio.timeout(HANG_SECONDS):
        while not happened():
            await asyncio.sleep(_PAUSE_SECONDS)


def wait_until(happened: Callable[[], object]) -> None:
    """Wait until a condition holds, which other threads or processes bring about."""
    end = time.monotonic() + HANG_SECONDS
    while not happened():
        assert time.monotonic() < end, f"this never happened: {happened}"
        time.sleep(_PAUSE_SECONDS)


async def let_tasks_run() -> None:
    """Let the tasks of this loop go on until each waits for something else than its turn."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
