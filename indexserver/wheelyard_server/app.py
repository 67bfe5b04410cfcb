"""The wiring: settings in, an application out. Only this module creates collaborators."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from aiohttp import web

from wheelyard_server.access.catalog_access import CatalogAccess
from wheelyard_server.access.current_sessions import CurrentSessions
from wheelyard_server.access.hash_slots import HashSlots, memory_for_hashes
from wheelyard_server.access.listeners import ListenerPorts
from wheelyard_server.access.passwords import PasswordChecker
from wheelyard_server.access.reloading import CurrentAccess
from wheelyard_server.access.session_file import SessionFile
from wheelyard_server.access.sessions import Sessions
from wheelyard_server.access.single_sign_on import SingleSignOn
from wheelyard_server.access.token_exchange import TokenExchange
from wheelyard_server.background import Background
from wheelyard_server.catalog.advisories.advisories_of_index import ConfiguredFeed
from wheelyard_server.catalog.announcements import ANNOUNCE_SECONDS
from wheelyard_server.catalog.catalog import Catalog, Policy
from wheelyard_server.catalog.contents.cache import FileCache
from wheelyard_server.catalog.contents.memory_cache import MemoryCache
from wheelyard_server.catalog.contents.redirects import FileRedirects, PresignedUrls
from wheelyard_server.catalog.contents.verified_files import VerifiedFiles
from wheelyard_server.catalog.inspection import ArchiveLimits
from wheelyard_server.catalog.mirrors.contents import Space
from wheelyard_server.catalog.mirrors.mirrors import Upstreams
from wheelyard_server.catalog.mirrors.sources import ConfiguredUpstream
from wheelyard_server.catalog.ownership import permission
from wheelyard_server.catalog.policy_file import FollowedPolicyFile
from wheelyard_server.catalog.publish import UploadLimits
from wheelyard_server.catalog.scratch import Scratch
from wheelyard_server.catalog.scratch_budget import ScratchBudget
from wheelyard_server.clock import utc_now
from wheelyard_server.errors import BusyError, InvalidSettingsError, StorageError, UnsafeStorageError
from wheelyard_server.events.delivery import CHECK_SECONDS as CHECK_EVENTS_SECONDS
from wheelyard_server.events.delivery import LAST_SECONDS
from wheelyard_server.events.opening import Webhook, open_webhook
from wheelyard_server.feed.opening import open_feed
from wheelyard_server.followed_file import CHECK_SECONDS
from wheelyard_server.openid.token_requests import TokenRequests
from wheelyard_server.readmes.opening import open_readmes
from wheelyard_server.settings import S3, Redirect, Settings
from wheelyard_server.storage import Storage, s3
from wheelyard_server.storage.measured import MeasuredStorage
from wheelyard_server.upstream import Upstream
from wheelyard_server.upstream.measured import MeasuredUpstream
from wheelyard_server.upstream.opening import open_upstreams
from wheelyard_server.web.admission import Admission
from wheelyard_server.web.context import ADMISSION, BACKGROUND, CATALOG_ACCESS, HAS_SITE, LISTENER_PORTS, SCRATCH
from wheelyard_server.web.cors import AllowedOrigins
from wheelyard_server.web.error_statuses import errors_as_responses
from wheelyard_server.web.front.answer_sender import AnswerSender
from wheelyard_server.web.front.fast_lane import LANE, FastLane
from wheelyard_server.web.front.fast_requests import FastRequestParser
from wheelyard_server.web.front.ready_answers import ReadyAnswers
from wheelyard_server.web.front.request_recorder import RequestRecorder
from wheelyard_server.web.front.unsent import UNSENT, Unsent
from wheelyard_server.web.handlers.json_api import CACHED_BYTES, JSON_PAGES
from wheelyard_server.web.handlers.simple import PROJECT_PAGES, ROOT_PAGES
from wheelyard_server.web.handlers.trusted_publishing import TOKEN_EXCHANGE
from wheelyard_server.web.http.cross_site import refuse_cross_site
from wheelyard_server.web.http.expect_continue import close_unless_continued
from wheelyard_server.web.http.headers import add_headers
from wheelyard_server.web.http.lifecycle import LIFECYCLE, Lifecycle
from wheelyard_server.web.pages.rendering import OriginPageCache
from wheelyard_server.web.pages.simple_pages import ProjectPages, RootPages
from wheelyard_server.web.routes import CORS_HANDLERS, routes
from wheelyard_server.web.site.descriptions import READMES
from wheelyard_server.web.site.error_pages import PAGES, errors_as_pages
from wheelyard_server.web.site.project import DESCRIBED, DESCRIBED_BYTES, RELEASES
from wheelyard_server.web.site.project_page import CACHED_BYTES as SITE_BYTES
from wheelyard_server.web.site.project_page import PROJECT_PAGES as SITE_PROJECT_PAGES
from wheelyard_server.web.site.releases import Releases
from wheelyard_server.web.site.single_sign_on import SINGLE_SIGN_ON
from wheelyard_server.web.site.site import SITE, Site
from wheelyard_server.web.site.site_routes import PAGE_HANDLERS
from wheelyard_server.web.telemetry.advisory_metrics import AdvisoryStates
from wheelyard_server.web.telemetry.audit import audit_requests
from wheelyard_server.web.telemetry.event_metrics import events_route
from wheelyard_server.web.telemetry.logs import LogHandler, RequestLog
from wheelyard_server.web.telemetry.metrics import FOLLOWED_SESSIONS, Metrics, metrics_app
from wheelyard_server.web.telemetry.policy_states import PolicyStates
from wheelyard_server.web.telemetry.refusals import announce_refusals, record_refusals
from wheelyard_server.web.telemetry.sampling import Sampling
from wheelyard_server.web.telemetry.upstream_metrics import UpstreamStates

MEASURE_SECONDS = 60
"""How often the size of all kept files of upstreams is read: one GET."""
COUNT_SECONDS = 60 * 60
"""The LIST of many files from a slow storage may take as long. Nothing waits for it."""

CATALOG = web.AppKey("catalog", Catalog)
ACCESS = web.AppKey("access", CurrentAccess)
PASSWORDS = web.AppKey("passwords", PasswordChecker)
METRICS = web.AppKey("metrics", Metrics)
UPSTREAMS: web.AppKey[Mapping[str, Upstream]] = web.AppKey("upstreams", Mapping)
METRICS_APP = web.AppKey("metrics_app", web.Application)


def build(settings: Settings, storage: Storage, log_handler: LogHandler | None = None) -> web.Application:
    """Return the application, which answers with 503 until `serving` has claimed its storage.

    `log_handler` writes the log if the whole process logs by it.
    """
    lifecycle = Lifecycle()
    access = CurrentAccess(settings.access_file, time.time)
    metrics = Metrics(access)
    unsent = Unsent(settings.limits.unsent_bytes, settings.limits.unsent_bytes_per_address)
    inside = (errors_as_pages, audit_requests, refuse_cross_site, unsent.middleware)
    app = web.Application(middlewares=[lifecycle.middleware, metrics.middleware, errors_as_responses, *inside])
    webhook = open_webhook(settings)
    metrics.export_webhook(webhook)
    sampling = _trace(app, settings)
    app[LIFECYCLE] = lifecycle
    app[BACKGROUND] = background = Background(time.time)
    metrics.export_background(background)
    measured = MeasuredStorage(storage, metrics.count_storage_call)
    app[SCRATCH] = scratch = Scratch(settings.scratch_folder, settings.limits.file_bytes)
    budget = ScratchBudget(settings.limits.scratch_bytes)
    app[UPSTREAMS] = upstreams = _measured(open_upstreams(settings), metrics)
    app.on_cleanup.append(_close_connections)
    app[CATALOG] = catalog = Catalog(
        measured,
        _policy(settings, upstreams, scratch, budget),
        cache=_cache(settings),
        may_raise_format=permission(settings.access_file),
    )
    metrics.export_catalog(catalog.counts)
    metrics.export_kept(lambda: catalog.mirrored.kept)
    metrics.export_fetch_log(catalog.fetches.counter)
    metrics.export_advisories(catalog.advisories)
    metrics.export_quarantine(catalog.quarantine)
    app[ACCESS] = access
    app[METRICS] = metrics
    states = UpstreamStates(upstreams.values(), catalog.counts, lambda: catalog.mirrored.kept)
    app[METRICS_APP] = metrics_app(metrics, access, background, states, _enforce_policy(app, settings.policy_file))
    if webhook is not None:
        _announce(app, webhook)
    app[PASSWORDS] = passwords = _passwords(settings)
    app[CATALOG_ACCESS] = CatalogAccess(catalog, access, passwords, _sessions(app, settings))
    app[TOKEN_EXCHANGE] = TokenExchange(access, catalog.use_once)
    app.on_cleanup.append(_close_passwords)
    app[UNSENT] = unsent
    app[LISTENER_PORTS] = ListenerPorts(settings.listeners.external.port if settings.listeners.external else None)
    app[ADMISSION] = Admission(settings.limits, budget)
    _add_pages(app, settings)
    app[READMES] = open_readmes(settings, metrics.count_readme)
    app.on_cleanup.append(_close_readmes)
    if settings.performance.fast_lane:
        app[LANE] = _fast_lane(app, settings, RequestLog(log_handler, enabled=settings.logs.requests), sampling)
    listeners = settings.listeners
    cors = AllowedOrigins(CORS_HANDLERS, listeners.cluster, listeners.external)
    app.on_response_prepare.extend(
        [add_headers, cors.add_headers, lifecycle.close_when_draining, close_unless_continued]
    )
    app.cleanup_ctx.append(_follow_access_file)
    if upstreams:
        app.cleanup_ctx.append(_measure_kept)
    app.add_routes(routes(has_site=settings.web.enabled))
    return app


def _add_pages(app: web.Application, settings: Settings) -> None:
    app[ROOT_PAGES] = RootPages()
    app[PROJECT_PAGES] = ProjectPages()
    app[JSON_PAGES] = OriginPageCache(CACHED_BYTES)
    app[HAS_SITE] = settings.web.enabled
    app[SITE] = Site(settings.web, settings.index or "")
    app[SITE_PROJECT_PAGES] = OriginPageCache(SITE_BYTES)
    app[DESCRIBED] = MemoryCache(DESCRIBED_BYTES)
    app[RELEASES] = Releases()
    app[PAGES] = PAGE_HANDLERS
    sessions = app[CATALOG_ACCESS].sessions
    app[SINGLE_SIGN_ON] = SingleSignOn(lambda: sessions.basis, TokenRequests(settings.egress), utc_now)


def _fast_lane(
    app: web.Application, settings: Settings, request_log: RequestLog, sampling: Sampling | None
) -> FastLane:
    lifecycle, readable = app[LIFECYCLE], app[CATALOG_ACCESS].readable_catalog()
    recorder = RequestRecorder(app[METRICS].requests, request_log)
    return FastLane(
        ReadyAnswers(readable, app[PROJECT_PAGES]),
        lifecycle,
        AnswerSender(readable, lifecycle, app[UNSENT], recorder),
        FastRequestParser(settings.limits.header_bytes),
        sampling,
    )


def _trace(app: web.Application, settings: Settings) -> Sampling | None:
    """Trace requests if the settings say so; return which ones are traced."""
    if settings.tracing is None:
        return None
    try:
        from wheelyard_server.web.telemetry import tracing  # noqa: PLC0415 - load OpenTelemetry only if it is used
    except ModuleNotFoundError as error:
        raise InvalidSettingsError(
            f"index.yaml has `tracing`, which needs `pip install 'wheelyard[tracing]'`: {error}"
        ) from error
    sampling = Sampling(settings.tracing.ratio)
    made = tracing.connect(settings.tracing, settings.index or "", sampling)
    app.middlewares.insert(1, made.middleware)
    app.on_cleanup.append(made.close)
    return sampling


def _measured(upstreams: Mapping[str, Upstream], metrics: Metrics) -> Mapping[str, Upstream]:
    record = metrics.export_upstreams(upstreams.values()).count
    return {name: MeasuredUpstream(each, record) for name, each in upstreams.items()}


def _upstreams(settings: Settings, opened: Mapping[str, Upstream]) -> Upstreams:
    configured = (
        ConfiguredUpstream(opened[each.name], each.packages, each.freshness, each.offline)
        for each in settings.upstreams
    )
    limit = settings.limits.new_mirrors_per_hour
    return Upstreams(tuple(configured), settings.names.private, limit, index=settings.index or "")


def _policy(
    settings: Settings, upstreams: Mapping[str, Upstream], scratch: Scratch, budget: ScratchBudget
) -> Policy:
    limits = settings.limits
    return Policy(
        settings.freshness,
        UploadLimits(
            limits.project_files, ArchiveLimits(metadata_bytes=limits.metadata_bytes), settings.uploads.accept
        ),
        _redirects(settings),
        _upstreams(settings, upstreams),
        Space(scratch, budget, limits.file_bytes, limits.mirrored_bytes),
        settings.fetch_log,
        ConfiguredFeed(open_feed(settings), settings.advisories.poll_seconds if settings.advisories else 0),
    )


def _redirects(settings: Settings) -> FileRedirects:
    wanted, bucket = settings.redirects, settings.storage.s3
    if wanted is None or bucket is None:
        return FileRedirects()
    return FileRedirects(wanted.min_bytes, _locations(bucket, wanted.cluster), _locations(bucket, wanted.external))


def _locations(bucket: S3, wanted: Redirect | None) -> PresignedUrls | None:
    if wanted is None:
        return None
    # The signature includes the server's name, so each endpoint needs a store of its own. None ever
    # connects.
    storage = s3.connect(msgspec.structs.replace(bucket, endpoint=wanted.endpoint or bucket.endpoint))
    return PresignedUrls(storage.presigned)


def _cache(settings: Settings) -> FileCache | None:
    if settings.cache is None:
        return None
    return FileCache(settings.cache.folder, settings.cache.max_bytes, VerifiedFiles(), utc_now)


def _announce(app: web.Application, webhook: Webhook) -> None:
    """Send events to the webhook while the application runs."""

    async def deliver(app: web.Application) -> AsyncIterator[None]:
        background = app[BACKGROUND]
        sending = background.start("sending events", webhook.delivery.deliver, CHECK_EVENTS_SECONDS)
        watching = background.start(
            "watching for events", announce, ANNOUNCE_SECONDS, at_once=True, late_seconds=COUNT_SECONDS
        )
        yield
        watching.stop()
        sending.stop()
        with suppress(BusyError, StorageError, TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await announcements.finish()
        await webhook.close()

    async def announce() -> None:
        # The next round does what the storage does not answer now.
        with suppress(BusyError, StorageError):
            await announcements.announce()

    announcements = app[CATALOG].announcements(webhook.queue)
    app[METRICS_APP].add_routes([events_route(webhook)])
    # It must see the refusals themselves, and the records of their users.
    inside = app.middlewares.index(audit_requests) + 1
    app.middlewares.insert(inside, announce_refusals(webhook.queue, utc_now))
    app.cleanup_ctx.append(deliver)


async def _follow_access_file(app: web.Application) -> AsyncIterator[None]:
    loop = app[BACKGROUND].start("following the access file", app[ACCESS].follow, CHECK_SECONDS)
    yield
    loop.stop()


def _passwords(settings: Settings) -> PasswordChecker:
    slots = HashSlots(memory_for_hashes(settings.performance.processes))
    return PasswordChecker(time.monotonic, slots=slots)


def _sessions(app: web.Application, settings: Settings) -> Sessions:
    if settings.sessions_file is None:
        return Sessions(SessionFile, settings.index or "", utc_now)
    current = CurrentSessions(settings.sessions_file, time.time)

    async def follow(app: web.Application) -> AsyncIterator[None]:
        loop = app[BACKGROUND].start("following the sessions file", current.follow, CHECK_SECONDS)
        yield
        loop.stop()
        current.close()

    app.cleanup_ctx.append(follow)
    app[METRICS_APP][FOLLOWED_SESSIONS] = current
    return Sessions(lambda: current.file, settings.index or "", utc_now)


def _enforce_policy(app: web.Application, path: Path | None) -> PolicyStates:
    """Put the policy file in force, if there is one, and record refusals; return what is reported of it."""
    catalog = app[CATALOG]
    app.middlewares.append(record_refusals(catalog.decisions.refused))
    file = None if path is None else _follow_policy_file(app, path, catalog)
    return PolicyStates(file, catalog.quarantine, AdvisoryStates(catalog.advisories), catalog.counts)


def _follow_policy_file(app: web.Application, path: Path, catalog: Catalog) -> FollowedPolicyFile:
    followed = FollowedPolicyFile(path, catalog.basis, time.time)
    app[METRICS].export_policy_file(followed)

    async def follow(app: web.Application) -> AsyncIterator[None]:
        loop = app[BACKGROUND].start("following the policy file", followed.follow, CHECK_SECONDS)
        yield
        loop.stop()
        followed.close()

    app.cleanup_ctx.append(follow)
    return followed


async def _measure_kept(app: web.Application) -> AsyncIterator[None]:
    async def measure() -> None:
        # If the storage fails or refuses writes, the last size is shown: other metrics report that.
        with suppress(BusyError, StorageError, UnsafeStorageError):
            await app[CATALOG].mirrored.measure_kept()

    loop = app[BACKGROUND].start(
        "measuring the kept files of upstreams",
        measure,
        MEASURE_SECONDS,
        at_once=True,
        late_seconds=COUNT_SECONDS,
    )
    yield
    loop.stop()


async def _close_connections(app: web.Application) -> None:
    for each in app[UPSTREAMS].values():
        await each.close()
    await app[CATALOG].advisories.close()


async def _close_readmes(app: web.Application) -> None:
    await app[READMES].close()


async def _close_passwords(app: web.Application) -> None:
    app[PASSWORDS].close()
