"""The life of a server process: start, get ready, drain, stop.

`app.py` wires the parts; this module runs them.
"""

import asyncio
import gc
import logging
import multiprocessing
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import web

from wheelyard_server.app import CATALOG, METRICS_APP, UPSTREAMS, build
from wheelyard_server.catalog.advisories.following import CHECK_SECONDS
from wheelyard_server.catalog.fetches.fetch_log import FLUSH_SECONDS, MAINTAIN_SECONDS, FetchLog
from wheelyard_server.catalog.ownership import take_ownership
from wheelyard_server.catalog.quarantine import POLL_SECONDS
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.errors import BusyError, LoopEndedError, StorageError, UnsafeStorageError
from wheelyard_server.settings import Settings, Shutdown, StorageSettings
from wheelyard_server.storage import Storage
from wheelyard_server.storage.opening import open_storage
from wheelyard_server.web.context import BACKGROUND
from wheelyard_server.web.front.connection_server import Runner
from wheelyard_server.web.http.interpreter import require_safe_interpreter
from wheelyard_server.web.http.lifecycle import LIFECYCLE, Lifecycle
from wheelyard_server.web.http.proxies import Proxies
from wheelyard_server.web.telemetry.logs import LogHandler

log = logging.getLogger(__name__)

CLAIM_RETRY_SECONDS = 2
CHECK_WRITES_SECONDS = 20
FETCH_SECONDS = 30 * 60
"""Two attempts at an export may take most of this."""
PROOF_SECONDS = 20 * 60
"""A slow storage may need minutes for a proof. Readers are served meanwhile, and all replicas wait
alike."""
LAST_FETCHES_SECONDS = 10
"""How long the end waits for the last fetches to be written."""
CLOSED_SECONDS = 5
"""How long the ports stay closed while the storage has not answered."""


async def serve(
    settings: Settings,
    log_handler: LogHandler | None = None,
    open_storage: Callable[[StorageSettings], Storage] = open_storage,
) -> None:
    """Serve until SIGTERM or SIGINT, then let running requests finish.

    Raises `UnsafeInterpreterError`, `InvalidSettingsError` if another index owns the storage,
    `OSError` if a port is taken, and `LoopEndedError` if a background loop ended, after running
    requests have finished.
    """
    require_safe_interpreter()
    stop = _stop_signal()
    storage = open_storage(settings.storage)
    app = build(settings, storage, log_handler)
    app[BACKGROUND].on_end = stop.set
    listeners = settings.listeners
    proxies = Proxies(listeners.cluster, listeners.external)
    runner = Runner(app, settings.limits, proxies, log_requests=settings.logs.requests)
    shared = settings.performance.processes > 1
    metrics = Runner(app[METRICS_APP], settings.limits, Proxies(), log_requests=False)
    await runner.setup()
    await metrics.setup()
    starting = asyncio.create_task(_started_or_stopped(app, storage, settings.index, stop))
    try:
        if listeners.metrics is not None:
            await web.TCPSite(metrics, listeners.metrics.host, listeners.metrics.port).start()
        # Open the ports even if the storage does not answer: clients get a reason, and probes an
        # answer.
        await asyncio.wait([starting], timeout=CLOSED_SECONDS)
        if not starting.done() or starting.exception() is None:
            for listener in filter(None, (listeners.cluster, listeners.external)):
                await web.TCPSite(runner, listener.host, listener.port, reuse_port=shared or None).start()
        await starting
        await stop.wait()
        await _unless(stop.again, _drain(app[LIFECYCLE], runner, settings.shutdown))
    finally:
        starting.cancel()
        for loop in app[BACKGROUND].loops:
            loop.stop()
        await runner.cleanup()
        await metrics.cleanup()
        if app[LIFECYCLE].started:
            await write_last_fetches(app[CATALOG].fetches)
    if (ended := app[BACKGROUND].ended) is not None:
        raise LoopEndedError(f"A background loop has ended: {ended.name}")


async def _drain(lifecycle: Lifecycle, runner: web.AppRunner, shutdown: Shutdown) -> None:
    """Keep serving until load balancers have noticed, then accept nothing new and let running requests finish."""
    log.info("Stopping: draining for %g s, then waiting for running requests", shutdown.drain_seconds)
    lifecycle.draining = True
    await asyncio.sleep(shutdown.drain_seconds)
    for site in list(runner.sites):
        await site.stop()
    await lifecycle.wait_until_idle(shutdown.grace_seconds)


async def _started_or_stopped(app: web.Application, storage: Storage, index: str | None, stop: "_Stop") -> None:
    while not stop.is_set():
        try:
            await take_ownership(storage, index)
            await app[CATALOG].format()
            # Before the first request: nothing is served that is known to be malware.
            await app[CATALOG].advisories.follow()
            # Without it, a server that has just started would serve what people have quarantined.
            await app[CATALOG].quarantine.refresh()
        except (StorageError, TimeoutError) as error:
            log.warning("The storage does not answer yet, trying again: %s", error)
            await asyncio.sleep(CLAIM_RETRY_SECONDS)
        else:
            check_writes(app, storage)
            keep_fetch_log(app)
            follow_advisories(app)
            follow_quarantine(app)
            # All objects so far are permanent. Without this, each collection would scan them and
            # block the event loop.
            gc.freeze()
            app[LIFECYCLE].started = True
            log.info("Ready")
            return


def check_writes(app: web.Application, storage: Storage) -> None:
    """Make writers wait until writing is known to be safe, and keep checking. Readers are served immediately.

    A result that another replica or a person has stored applies to all running replicas.
    """
    gate, safety = app[CATALOG].writes, WriteSafety(storage)
    gate.hold()
    work = partial(_check_writes, gate, safety)
    app[BACKGROUND].start(
        "checking conditional writes", work, CHECK_WRITES_SECONDS, at_once=True, late_seconds=PROOF_SECONDS
    )


def follow_advisories(app: web.Application) -> None:
    """Put the advisories of the storage in force whenever they change, and fetch them if no other server does."""
    advisories = app[CATALOG].advisories

    async def follow() -> None:
        # While the storage does not answer, the last ones stay: other metrics report that.
        with suppress(StorageError):
            await advisories.follow()

    async def fetch() -> None:
        with suppress(BusyError, StorageError, UnsafeStorageError):
            await advisories.fetch()

    if app[UPSTREAMS] and not advisories.state().revision:
        log.warning("There are no advisories yet, so no file is refused because of malware or vulnerabilities")
    app[BACKGROUND].start("following the advisories", follow, CHECK_SECONDS)
    if advisories.has_feed:
        app[BACKGROUND].start("fetching advisories", fetch, CHECK_SECONDS, at_once=True, late_seconds=FETCH_SECONDS)


def follow_quarantine(app: web.Application) -> None:
    """Put what people have quarantined by hand in force whenever it changes."""
    app[BACKGROUND].start("following the quarantine", app[CATALOG].quarantine.follow, POLL_SECONDS)


async def _check_writes(gate: WriteGate, safety: WriteSafety) -> None:
    try:
        await safety.check()
    except UnsafeStorageError as error:
        gate.refuse(error)
    except StorageError as error:
        log.warning("Could not find out whether the storage is safe to write to, trying again: %s", error)
    else:
        gate.open()


def keep_fetch_log(app: web.Application) -> None:
    """Write what was fetched every minute, and keep the log of past days in order."""
    fetches, background = app[CATALOG].fetches, app[BACKGROUND]
    background.start("writing the fetch log", partial(_write_fetches, fetches), FLUSH_SECONDS, at_once=True)
    work = partial(_maintain_fetches, fetches)
    background.start("merging the fetch log", work, FLUSH_SECONDS, at_once=True, late_seconds=MAINTAIN_SECONDS)


async def _write_fetches(fetches: FetchLog) -> None:
    try:
        await fetches.flush()
    except StorageError as error:
        log.warning("The fetch log could not be written, trying again: %s", error)


async def _maintain_fetches(fetches: FetchLog) -> None:
    try:
        await fetches.maintain_if_due()
    except StorageError as error:
        log.warning("The fetch log could not be merged, trying again: %s", error)


async def write_last_fetches(fetches: FetchLog) -> None:
    """Write what was fetched since the last time, before the process ends."""
    try:
        async with asyncio.timeout(LAST_FETCHES_SECONDS):
            await fetches.flush(is_last=True)
    except (StorageError, TimeoutError) as error:
        log.error("The fetches of the last minute are lost: %s", str(error) or "the storage takes too long")  # noqa: TRY400


class _Stop(asyncio.Event):
    """Is set when the server is asked to stop. A second request sets `again`: do not wait any longer."""

    def __init__(self) -> None:
        super().__init__()
        self.again = asyncio.Event()

    def ask(self) -> None:
        (self.again if self.is_set() else self).set()


def _stop_signal() -> _Stop:
    stop, loop = _Stop(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.ask)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # If the first of several processes is killed, the others must not keep its ports.
        loop.add_reader(parent.sentinel, _stop_without, parent.sentinel, stop)
    return stop


def _stop_without(sentinel: int, stop: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(sentinel)
    stop.set()


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, but cancel it when the event is set."""
    tasks = [asyncio.create_task(work), asyncio.create_task(event.wait())]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()
