"""The server's metrics; no label names a user.

Names follow https://prometheus.io/docs/practices/naming/.
"""

import json
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from wheelyard_server.access.audit import AuditOutcome, AuditRecord, AuditVerb
from wheelyard_server.access.rules import Method
from wheelyard_server.background import Background
from wheelyard_server.catalog.counts import Counts, KeptSize
from wheelyard_server.catalog.policy_file import FollowedPolicyFile
from wheelyard_server.catalog.quarantine import SharedQuarantine
from wheelyard_server.events.opening import Webhook
from wheelyard_server.followed_file import FollowedFile
from wheelyard_server.model import FORMAT
from wheelyard_server.upstream import Upstream
from wheelyard_server.web.context import BACKGROUND, RECORD, SENDERS
from wheelyard_server.web.error_statuses import status_of
from wheelyard_server.web.http.client_families import family_of
from wheelyard_server.web.http.headers import add_headers
from wheelyard_server.web.http.sending import SENT
from wheelyard_server.web.telemetry.advisory_metrics import AdvisoryMetrics, ShownAdvisories
from wheelyard_server.web.telemetry.collectors import (
    BackgroundMetrics,
    CatalogMetrics,
    FetchCounts,
    FetchLogMetrics,
    RequestMetrics,
)
from wheelyard_server.web.telemetry.event_metrics import EventMetrics
from wheelyard_server.web.telemetry.followed_files import described
from wheelyard_server.web.telemetry.policy_states import PolicyStates
from wheelyard_server.web.telemetry.upstream_metrics import KeptMetrics, UpstreamMetrics, UpstreamStates

NO_ROUTE = "none"
_STORAGE_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


FOLLOWED_SESSIONS = web.AppKey("followed_sessions", FollowedFile)
"""The sessions file of a server with pages, in the application of metrics."""


class AccessFileState(Protocol):
    """Whether the access file is usable, and when it was read; see `CurrentAccess`."""

    looked: float

    @property
    def loaded(self) -> float:
        """Return when the file in force was read, in seconds since 1970."""
        ...

    @property
    def usable(self) -> bool:
        """Return whether the newest file is the one in force."""
        ...


class Metrics:
    """The metrics of one server."""

    def __init__(self, access: AccessFileState) -> None:
        self.registry = CollectorRegistry()
        self.requests = RequestMetrics()
        self.registry.register(self.requests)
        self._uploads = Counter(
            "wheelyard_uploads", "Uploads by their outcome.", ("outcome",), registry=self.registry
        )
        self._storage_calls = Counter(
            "wheelyard_storage_calls",
            "Calls of the storage by their outcome.",
            ("operation", "outcome"),
            registry=self.registry,
        )
        self._storage_seconds = Histogram(
            "wheelyard_storage_call_seconds",
            "Time of a call of the storage, including the client library's own retries.",
            ("operation",),
            buckets=_STORAGE_BOUNDS,
            registry=self.registry,
        )
        self._readmes = Counter(
            "wheelyard_readmes", "READMEs by their outcome.", ("outcome",), registry=self.registry
        )
        usable = Gauge(
            "wheelyard_access_file_usable",
            "1 if the newest access file is in force, 0 if it was refused.",
            registry=self.registry,
        )
        usable.set_function(lambda: float(access.usable))
        loaded = Gauge(
            "wheelyard_access_file_loaded_timestamp_seconds",
            "When the access file that is in force was read.",
            registry=self.registry,
        )
        loaded.set_function(lambda: access.loaded)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count a request. It belongs outside the middleware that turns errors into answers."""
        start, status, sent = time.perf_counter(), 500, 0
        try:
            response = await handler(request)
            status, sent = response.status, _sent_bytes(request, response)
        except web.HTTPException as error:
            status, sent = status_of(error), _sent_bytes(request, error)
            raise
        finally:
            resource = request.match_info.route.resource
            route = NO_ROUTE if resource is None else resource.canonical
            self.requests.count_answers(
                route, request.method if resource else NO_ROUTE, status, time.perf_counter() - start
            )
            self.requests.count_bodies(family_of(request), sent, request.content.total_bytes)
            self._count(request.get(RECORD))
        return response

    def count_storage_call(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a call of the storage; see `MeasuredStorage`."""
        self._storage_calls.labels(operation, outcome).inc()
        self._storage_seconds.labels(operation).observe(seconds)

    def count_readme(self, outcome: str) -> None:
        """Count a README that was rendered, or not; see `readmes.frames.Outcome`."""
        self._readmes.labels(outcome).inc()

    def export_catalog(self, counts: Counts) -> None:
        """Export what the catalog counts."""
        self.registry.register(CatalogMetrics(counts))

    def export_fetch_log(self, counts: FetchCounts) -> None:
        """Export what the fetch log counts."""
        self.registry.register(FetchLogMetrics(counts))

    def export_policy_file(self, file: FollowedPolicyFile) -> None:
        """Export whether the newest policy file is in force, and since when the one in force is."""
        usable = Gauge(
            "wheelyard_policy_file_usable",
            "1 if the newest policy file is in force, 0 if it was refused.",
            registry=self.registry,
        )
        usable.set_function(lambda: float(file.state.usable))
        loaded = Gauge(
            "wheelyard_policy_file_loaded_timestamp_seconds",
            "When the policy file that is in force was read.",
            registry=self.registry,
        )
        loaded.set_function(lambda: file.state.loaded)

    def export_quarantine(self, quarantine: SharedQuarantine) -> None:
        """Export how much is quarantined by hand."""
        entries = Gauge(
            "wheelyard_quarantine_entries",
            "Entries of the quarantine by hand that are in force.",
            registry=self.registry,
        )
        entries.set_function(lambda: float(len(quarantine.entries)))

    def export_upstreams(self, upstreams: Iterable[Upstream]) -> UpstreamMetrics:
        """Export the state of the upstreams and their requests, which the returned object counts."""
        exported = UpstreamMetrics(upstreams)
        self.registry.register(exported)
        return exported

    def export_kept(self, kept: Callable[[], KeptSize]) -> None:
        """Export the size of the bytes of upstreams that are kept."""
        self.registry.register(KeptMetrics(kept))

    def export_advisories(self, advisories: ShownAdvisories) -> None:
        """Export the state of the advisories."""
        self.registry.register(AdvisoryMetrics(advisories))

    def export_webhook(self, webhook: Webhook | None) -> None:
        """Export the events that are sent."""
        self.registry.register(EventMetrics(webhook))

    def export_background(self, background: Background) -> None:
        """Export the state of the background loops."""
        self.registry.register(BackgroundMetrics(background))

    def _count(self, record: AuditRecord | None) -> None:
        if record is None:
            return
        if record.principal is not None:
            self.requests.count_login(record.method, "accepted")
        elif record.method is not Method.NONE:
            self.requests.count_login(record.method, "refused")
        if record.verb is AuditVerb.PUBLISH:
            self._uploads.labels(record.outcome or AuditOutcome.FAILED).inc()


def _sent_bytes(request: web.Request, response: web.StreamResponse) -> int:
    """Return how many bytes of a body have been sent, or are about to be."""
    streamed: int | None = request.get(SENT)
    if streamed is not None:
        return streamed
    has_body = request.method != "HEAD" and response.status not in (204, 304)
    return (response.content_length or 0) if has_body else 0


def metrics_app(
    metrics: Metrics,
    access: AccessFileState,
    background: Background,
    upstreams: UpstreamStates,
    policy: PolicyStates,
) -> web.Application:
    """Return the application that serves Prometheus and the operator on a separate port."""

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def access_file(request: web.Request) -> web.Response:
        content = {
            "usable": access.usable,
            "loaded": int(access.loaded),
            "looked": int(access.looked),
            "failing": background.failing,
            "stuck": background.late,
            "knownFormat": FORMAT,
            "sessions": described(request.app.get(FOLLOWED_SESSIONS)),
        }
        return web.Response(text=json.dumps(content), content_type="application/json")

    async def upstream_states(_request: web.Request) -> web.Response:
        return web.Response(text=json.dumps(upstreams.described()), content_type="application/json")

    async def policy_states(_request: web.Request) -> web.Response:
        return web.Response(text=json.dumps(policy.described()), content_type="application/json")

    app = web.Application()
    app[BACKGROUND] = background
    app[SENDERS] = "clients of metrics"
    app.on_response_prepare.append(add_headers)
    app.add_routes(
        [
            web.get("/metrics", scrape),
            web.get("/access", access_file),
            web.get("/upstreams", upstream_states),
            web.get("/policy", policy_states),
        ]
    )
    return app
