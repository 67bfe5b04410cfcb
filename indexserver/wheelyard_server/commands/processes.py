"""Several processes on the same ports: the kernel gives each new connection to one of them.

They share nothing but the storage, the scratch folder and the access file, each of which bears that.
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
    """Return the settings of each process: what the whole server may use is shared out among them."""
    count = settings.performance.processes
    if count == 1:
        return [settings]
    return [_share(settings, number, count) for number in range(count)]


def run(serve: Callable[[Settings], None], each: Sequence[Settings]) -> int:
    """Run `serve` in a process for each of the settings until all have ended; return the exit code.

    Signals go on to all of them. One that ends unasked takes the others with it: whoever started the server is to
    see that, and to start it again.
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
    # A terminal's Ctrl-C comes once, from the first process.
    os.setpgid(0, 0)
    if processors:
        with suppress(OSError):  # It is quicker this way, no more.
            os.sched_setaffinity(0, processors)
    try:
        serve(settings)
    except (WheelyardError, OSError) as error:
        sys.exit(f"wheelyard: {error}")


def _processors(count: int) -> Sequence[Collection[int]]:
    """Return the processors of each process, none where it may use all.

    Python's lock goes between the threads of a process in much less time on one processor than from one to another.
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
        ),
        listeners=msgspec.structs.replace(listeners, metrics=_of_process(listeners.metrics, number)),
        cache=cache and Cache(cache.folder / f"process-{number}", max(1, cache.max_bytes // count)),
    )


def _of_process(metrics: ListenAddress | None, number: int) -> ListenAddress | None:
    """Each process tells of itself: the first at the port of the settings, the others at those that follow."""
    return metrics and ListenAddress(host=metrics.host, port=metrics.port + number)
