"""`wheelyard` with a ticker in its event loop: how long everybody else waits while something else is done.

SIGUSR1 writes the longest gap since the signal before, in milliseconds, into the file that `GAP`
names.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from wheelyard_server import serving
from wheelyard_server.__main__ import main
from wheelyard_server.settings import Settings, StorageSettings
from wheelyard_server.storage import Storage
from wheelyard_server.storage.opening import open_storage
from wheelyard_server.web.telemetry.logs import LogHandler

GAP = "WHEELYARD_BENCH_GAP"
TICK_SECONDS = 0.001

_serve = serving.serve


async def serve(
    settings: Settings,
    log_handler: LogHandler | None = None,
    open_storage: Callable[[StorageSettings], Storage] = open_storage,
) -> None:
    """Serve, and tick meanwhile."""
    ticking = asyncio.create_task(_tick(Path(os.environ[GAP])))
    try:
        await _serve(settings, log_handler, open_storage)
    finally:
        ticking.cancel()


async def _tick(file: Path) -> None:
    longest = 0.0

    def tell() -> None:
        nonlocal longest
        # Whole or not at all: somebody waits for it.
        file.with_suffix(".new").write_text(f"{longest * 1000:.3f}")
        file.with_suffix(".new").rename(file)
        longest = 0.0

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK_SECONDS)
        longest = max(longest, time.perf_counter() - before - TICK_SECONDS)


if __name__ == "__main__":
    serving.serve = serve
    main()
