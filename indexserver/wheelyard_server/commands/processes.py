"""Several processes on the same ports: the kernel assigns each new connection to one of them.

They share only the storage, the scratch folder and the access file, all of which allow that.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from types import FrameType

import msgspec

from wheelyard_server.errors import WheelyardError
from wheelyard_server.settings import Cache, ListenAddress, Settings


def shares(settings: Settings) -> Sequence[Settings]:
    """Return the settings of each process, which divide the limits of the whole server."""
    count = settings.performance.processes
    if count == 1:
        return [settings]
    return [_share(settings, number, count) for number in range(count)]


def run(serve: Callable[[Settings], None], each: Sequence[Settings]) -> int:
    """Run `serve` in one process per settings until all have ended; return the exit code.

    Signals are passed on to all. If one process ends unexpectedly, the others are stopped, so that
    the whole server is restarted from outside.
    """
    context = multiprocessing.get_context("fork")
    running = [
        context.Process(target=_in_a_group_of_its_own, args=(serve, settings, processors))
        for settings, processors in zip(each, _processors(len(each)), strict=True)
    ]
    asked = False

    def pass_on(number: int, _frame: FrameType | None = None) -> None:
        nonlocal asked
        asked = True
        for process in running:
            _signal(process, number)

    for process in running:
        process.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    connection.wait([process.sentinel for process in running])
    was_asked = asked
    if not was_asked:
        pass_on(signal.SIGTERM)
    for process in running:
        process.join()
    return 0 if was_asked and all(process.exitcode == 0 for process in running) else 1


def _in_a_group_of_its_own(
    serve: Callable[[Settings], None], settings: Settings, processors: Collection[int]
) -> None:
    # Ctrl-C of a terminal arrives once, through the first process.
    os.setpgid(0, 0)
    if processors:
        with suppress(OSError):  # This only makes it faster.
            os.sched_setaffinity(0, processors)
    try:
        serve(settings)
    except (WheelyardError, OSError) as error:
        sys.exit(f"wheelyard: {error}")


def _processors(count: int) -> Sequence[Collection[int]]:
    """Return the processors of each process; empty if it may use all.

    Python's lock passes between threads much faster on one processor than across processors.
    """
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    shared = usable if len(usable) >= count else []
    return [shared[number::count] for number in range(count)]


def _signal(process: BaseProcess, number: int) -> None:
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, number)


def _share(settings: Settings, number: int, count: int) -> Settings:
    limits, listeners, cache = settings.limits, settings.listeners, settings.cache
    return msgspec.structs.replace(
        settings,
        limits=msgspec.structs.replace(
            limits,
            uploads=max(1, limits.uploads // count),
            scratch_bytes=max(1, limits.scratch_bytes // count),
            connections=max(1, limits.connections // count),
            unsent_bytes=max(1, limits.unsent_bytes // count),
            new_mirrors_per_hour=max(1, limits.new_mirrors_per_hour // count),
        ),
        listeners=msgspec.structs.replace(listeners, metrics=_of_process(listeners.metrics, number)),
        cache=cache and Cache(cache.folder / f"process-{number}", max(1, cache.max_bytes // count)),
    )


def _of_process(metrics: ListenAddress | None, number: int) -> ListenAddress | None:
    """Return where a process serves its own metrics: at the port of the settings, or one that follows."""
    return metrics and ListenAddress(host=metrics.host, port=metrics.port + number)
