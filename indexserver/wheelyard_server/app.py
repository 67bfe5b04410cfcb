"""The wiring: settings in, a running server out. Nothing else makes collaborators."""

import asyncio
import gc
import logging
import multiprocessing
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from wheelyard_server.access.catalog_access import CatalogAccess
from wheelyard_server.access.hash_slots import HashSlots, memory_for_hashes
from wheelyard_server.access.listeners import ListenerPorts
from wheelyard_server.access.passwords import PasswordChecker
from wheelyard_server.access.reloading import CHECK_SECONDS, CurrentAccess
from wheelyard_server.access.token_exchange import TokenExchange
from wheelyard_server.background import Background
from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.contents.cache import FileCache
from wheelyard_server.catalog.contents.local_files import LocalFiles
from wheelyard_server.catalog.contents.redirects import FileRedirects, PresignedUrls
from wheelyard_server.catalog.freshness import Freshness
from wheelyard_server.catalog.inspection import ArchiveLimits
from wheelyard_server.catalog.ownership import permission, take_ownership
from wheelyard_server.catalog.publish import UploadLimits
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.write_gate import WriteGate
from wheelyard_server.catalog.write_safety import WriteSafety
from wheelyard_server.errors import InvalidSettingsError, LoopEndedError, StorageError, UnsafeStorageError
from wheelyard_server.settings import S3, Redirect, Settings, Shutdown, StorageSettings
from wheelyard_server.storage import Storage, s3
from wheelyard_server.storage.folder import FolderStorage
from wheelyard_server.storage.measured import MeasuredStorage
from wheelyard_server.web.admission import Admission
from wheelyard_server.web.context import ADMISSION, BACKGROUND, CATALOG_ACCESS, LISTENER_PORTS, SCRATCH
from wheelyard_server.web.cors import AllowedOrigins
from wheelyard_server.web.errors import errors_as_responses
from wheelyard_server.web.front.answer_sender import AnswerSender
from wheelyard_server.web.front.connections import Runner
from wheelyard_server.web.front.fast_lane import LANE, FastLane
from wheelyard_server.web.front.fast_requests import FastRequestParser
from wheelyard_server.web.front.ready_answers import ReadyAnswers
from wheelyard_server.web.front.request_recorder import RequestRecorder
from wheelyard_server.web.front.unsent import UNSENT, Unsent
from wheelyard_server.web.handlers.json_api import CACHED_BYTES, JSON_PAGES
from wheelyard_server.web.handlers.simple import PROJECT_PAGES, ROOT_PAGES
from wheelyard_server.web.handlers.trusted_publishing import TOKEN_EXCHANGE
from wheelyard_server.web.handlers.welcome import INDEX_NAME
from wheelyard_server.web.http.cross_site import refuse_cross_site
from wheelyard_server.web.http.expect_continue import close_unless_continued
from wheelyard_server.web.http.headers import add_headers
from wheelyard_server.web.http.interpreter import require_safe_interpreter
from wheelyard_server.web.http.lifecycle import LIFECYCLE, Lifecycle
from wheelyard_server.web.http.proxies import Proxies
from wheelyard_server.web.pages.rendering import OriginPageCache
from wheelyard_server.web.pages.simple_pages import ProjectPages, RootPages
from wheelyard_server.web.routes import FOR_OTHER_ORIGINS, ROUTES
from wheelyard_server.web.telemetry.audit import audited
from wheelyard_server.web.telemetry.logs import LogHandler, RequestLog
from wheelyard_server.web.telemetry.metrics import Metrics, metrics_app
from wheelyard_server.web.telemetry.sampling import Sampling

log = logging.getLogger(__name__)

CLAIM_RETRY_SECONDS = 2
CHECK_WRITES_SECONDS = 20
PROOF_SECONDS = 20 * 60
"""A slow storage may take minutes for a proof. That is the same for all replicas, and readers are served."""
CLOSED_SECONDS = 5
"""How long the ports stay closed for a storage that has not answered yet."""
CATALOG = web.AppKey("catalog", Catalog)
ACCESS = web.AppKey("access", CurrentAccess)
PASSWORDS = web.AppKey("passwords", PasswordChecker)
METRICS = web.AppKey("metrics", Metrics)
METRICS_APP = web.AppKey("metrics_app", web.Application)


def open_storage(where: StorageSettings) -> Storage:
    """Return the storage that the settings name."""
    if where.s3 is not None:
        return s3.connect(where.s3)
    assert where.folder is not None  # noqa: S101 - StorageSettings.__post_init__ has seen to it
    return FolderStorage(where.folder.path)


def build(settings: Settings, storage: Storage, log_handler: LogHandler | None = None) -> web.Application:
    """Make the application; it begins to serve once the storage is found to be ours.

    `log_handler` is what writes the log, where that is set up for the whole process.
    """
    lifecycle = Lifecycle()
    access = CurrentAccess(settings.access_file, time.time)
    metrics = Metrics(access)
    unsent = Unsent(settings.limits.unsent_bytes, settings.limits.unsent_bytes_per_address)
    inside = (audited, refuse_cross_site, unsent.middleware)
    app = web.Application(middlewares=[lifecycle.middleware, metrics.middleware, errors_as_responses, *inside])
    sampling = _trace(app, settings)
    app[LIFECYCLE] = lifecycle
    app[BACKGROUND] = background = Background(time.time)
    metrics.export_background(background)
    measured = MeasuredStorage(storage, metrics.count_storage_call)
    app[CATALOG] = catalog = Catalog(
        measured,
        _policy(settings),
        cache=_cache(settings),
        may_raise_format=permission(settings.access_file),
    )
    metrics.export_catalog(catalog.counts)
    app[ACCESS] = access
    app[METRICS] = metrics
    app[METRICS_APP] = metrics_app(metrics, access, background)
    slots = HashSlots(memory_for_hashes(settings.performance.processes))
    app[PASSWORDS] = passwords = PasswordChecker(time.monotonic, slots=slots)
    app[CATALOG_ACCESS] = catalog_access = CatalogAccess(catalog, access, passwords)
    app[TOKEN_EXCHANGE] = TokenExchange(access, catalog.use_once)
    app.on_cleanup.append(_close_passwords)
    app[UNSENT] = unsent
    app[SCRATCH] = Scratch(settings.scratch_folder, settings.limits.file_bytes)
    app[LISTENER_PORTS] = ListenerPorts(settings.listeners.external.port if settings.listeners.external else None)
    app[ADMISSION] = Admission(settings.limits)
    app[ROOT_PAGES] = RootPages()
    app[PROJECT_PAGES] = pages = ProjectPages()
    app[JSON_PAGES] = OriginPageCache(CACHED_BYTES)
    app[INDEX_NAME] = settings.index or ""
    if settings.performance.fast_lane:
        recorder = RequestRecorder(metrics, RequestLog(log_handler, enabled=settings.logs.requests))
        readable = catalog_access.readable_catalog()
        app[LANE] = FastLane(
            ReadyAnswers(readable, pages),
            lifecycle,
            AnswerSender(readable, lifecycle, unsent, recorder),
            FastRequestParser(settings.limits.header_bytes),
            sampling,
        )
    listeners = settings.listeners
    cors = AllowedOrigins(FOR_OTHER_ORIGINS, listeners.cluster, listeners.external)
    app.on_response_prepare.extend(
        [add_headers, cors.add_headers, lifecycle.close_when_draining, close_unless_continued]
    )
    app.cleanup_ctx.append(_follow_access_file)
    app.add_routes(ROUTES)
    return app


def _trace(app: web.Application, settings: Settings) -> Sampling | None:
    """Trace requests where that is set; return which ones."""
    if settings.tracing is None:
        return None
    try:
        from wheelyard_server.web.telemetry import tracing  # noqa: PLC0415 - OpenTelemetry is loaded only where it is used
    except ModuleNotFoundError as error:
        raise InvalidSettingsError(
            f"index.yaml has `tracing`, which needs `pip install 'wheelyard[tracing]'`: {error}"
        ) from error
    sampling = Sampling(settings.tracing.ratio)
    made = tracing.connect(settings.tracing, settings.index or "", sampling)
    app.middlewares.insert(1, made.middleware)
    app.on_cleanup.append(made.close)
    return sampling


def _policy(settings: Settings) -> Policy:
    fresh, limits = settings.freshness, settings.limits
    return Policy(
        Freshness(fresh.fresh_seconds, fresh.stale_seconds),
        UploadLimits(
            limits.project_files, ArchiveLimits(metadata_bytes=limits.metadata_bytes), settings.uploads.accept
        ),
        _redirects(settings),
    )


def _redirects(settings: Settings) -> FileRedirects:
    wanted, bucket = settings.redirects, settings.storage.s3
    if wanted is None or bucket is None:
        return FileRedirects()
    return FileRedirects(wanted.min_bytes, _locations(bucket, wanted.cluster), _locations(bucket, wanted.external))


def _locations(bucket: S3, wanted: Redirect | None) -> PresignedUrls | None:
    if wanted is None:
        return None
    # The server's name is signed with the rest, so each needs a connection's settings of its own; none is made.
    storage = s3.connect(msgspec.structs.replace(bucket, endpoint=wanted.endpoint or bucket.endpoint))
    return PresignedUrls(storage.presigned)


def _cache(settings: Settings) -> FileCache | None:
    if settings.cache is None:
        return None
    return FileCache(settings.cache.folder, settings.cache.max_bytes, LocalFiles(), lambda: datetime.now(UTC))


async def serve(settings: Settings, log_handler: LogHandler | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then let running requests end.

    Raises `UnsafeInterpreterError`, `InvalidSettingsError` if the storage is another index's, `OSError` if a
    port is taken, and `LoopEndedError` once running requests have ended, if a background loop did.
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
        # A storage that does not answer is told by a port that is open: clients get a reason, and probes an answer.
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
    if (ended := app[BACKGROUND].ended) is not None:
        raise LoopEndedError(f"A background loop has ended: {ended.name}")


async def _drain(lifecycle: Lifecycle, runner: web.AppRunner, shutdown: Shutdown) -> None:
    """Go on serving until load balancers have noticed, then take nothing new and let what runs end."""
    log.info("Stopping: draining for %g s, then running requests may end", shutdown.drain_seconds)
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
        except StorageError as error:
            log.warning("The storage does not answer yet, trying again: %s", error)
            await asyncio.sleep(CLAIM_RETRY_SECONDS)
        else:
            check_writes(app, storage)
            # What is here now stays. A collection would go over it again and again, and hold the event loop.
            gc.freeze()
            app[LIFECYCLE].started = True
            log.info("Ready")
            return


def check_writes(app: web.Application, storage: Storage) -> None:
    """Serve readers at once; writers wait until writing is known to be safe, which is looked at again and again.

    What another replica finds out, or a person has proved, counts for all that run.
    """
    gate, safety = app[CATALOG].writes, WriteSafety(storage)
    gate.hold()
    work = partial(_check_writes, gate, safety)
    app[BACKGROUND].start(
        "checking conditional writes", work, CHECK_WRITES_SECONDS, at_once=True, late_seconds=PROOF_SECONDS
    )


async def _check_writes(gate: WriteGate, safety: WriteSafety) -> None:
    try:
        await safety.check()
    except UnsafeStorageError as error:
        gate.refuse(error)
    except StorageError as error:
        log.warning("The storage does not say whether writing is safe, trying again: %s", error)
    else:
        gate.open()


async def _follow_access_file(app: web.Application) -> AsyncIterator[None]:
    loop = app[BACKGROUND].start("following the access file", app[ACCESS].follow, CHECK_SECONDS)
    yield
    loop.stop()


async def _close_passwords(app: web.Application) -> None:
    app[PASSWORDS].close()


class _Stop(asyncio.Event):
    """Set when the server is asked to stop; whoever asks `again` does not want to wait any more."""

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
        # The first of several processes may be killed: the others must not keep its ports.
        loop.add_reader(parent.sentinel, _stop_without, parent.sentinel, stop)
    return stop


def _stop_without(sentinel: int, stop: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(sentinel)
    stop.set()


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, but give it up when the event comes."""
    tasks = [asyncio.create_task(work), asyncio.create_task(event.wait())]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()
