"""The server's metrics; no label names a user.

Names follow https://prometheus.io/docs/practices/naming/.
"""

import json
import math
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client import Counter as PrometheusCounter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from wheelyard_server.access.audit import AuditOutcome, AuditRecord, AuditVerb
from wheelyard_server.access.rules import Method
from wheelyard_server.background import Background
from wheelyard_server.catalog.counts import Counts
from wheelyard_server.model import FORMAT
from wheelyard_server.web.context import BACKGROUND, RECORD, SENDERS
from wheelyard_server.web.errors import status_of
from wheelyard_server.web.http.headers import add_headers
from wheelyard_server.web.http.sending import SENT
from wheelyard_server.web.telemetry import client_families

NO_ROUTE = "none"


_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, math.inf)
"""Upper bounds of the buckets, in seconds."""
_STORAGE_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(slots=True)
class _Seconds:
    sum: float = 0
    buckets: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS))


class AccessFileState(Protocol):
    """Whether the access file is usable, and when it was read; see `CurrentAccess`."""

    loaded: float
    looked: float
    usable: bool


class _RequestMetrics(Collector):
    """The counters of requests: plain numbers, since a lock for each would cost more than the answer."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.seconds: defaultdict[str, _Seconds] = defaultdict(_Seconds)
        self.authentications: Counter[tuple[Method, str]] = Counter()
        self.clients: Counter[str] = Counter()
        self.sent_bytes = 0
        self.received_bytes = 0

    def collect(self) -> Iterator[Metric]:
        """Return the metrics for Prometheus."""
        answers = CounterMetricFamily(
            "wheelyard_requests",
            "Requests that were answered, by the template of their route.",
            labels=("route", "method", "status"),
        )
        for (route, method, status), count in self.answers.items():
            answers.add_metric((route, method, str(status)), count)
        yield answers
        seconds = HistogramMetricFamily(
            "wheelyard_request_seconds",
            "Time from a request's headers to the end of its answer.",
            labels=("route",),
        )
        for route, of_route in self.seconds.items():
            counts = zip(map(floatToGoString, _BOUNDS), accumulate(of_route.buckets), strict=True)
            seconds.add_metric((route,), [*counts], of_route.sum)
        yield seconds
        authentications = CounterMetricFamily(
            "wheelyard_authentications",
            "Requests by how their sender logged in, or tried to.",
            labels=("method", "outcome"),
        )
        for labels, count in self.authentications.items():
            authentications.add_metric(labels, count)
        yield authentications
        by_client = CounterMetricFamily(
            "wheelyard_client_requests",
            "Requests by the family of their client, from its User-Agent header.",
            labels=("client",),
        )
        for client, count in self.clients.items():
            by_client.add_metric((client,), count)
        yield by_client
        yield CounterMetricFamily("wheelyard_sent_bytes", "Bytes of the bodies of answers.", self.sent_bytes)
        yield CounterMetricFamily(
            "wheelyard_received_bytes", "Bytes of the bodies of requests.", self.received_bytes
        )


class _CatalogMetrics(Collector):
    """The counters of the catalog."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Return the metrics for Prometheus."""
        counts = self._counts
        yield CounterMetricFamily("wheelyard_page_reads", "Requests that read a project.", counts.page_reads)
        yield CounterMetricFamily(
            "wheelyard_revalidations", "Revalidations of project documents in the storage.", counts.revalidations
        )
        yield CounterMetricFamily(
            "wheelyard_document_conflicts",
            "Changes of a project's document that lost to another writer and were tried again.",
            counts.conflicts,
        )
        reads = CounterMetricFamily(
            "wheelyard_file_reads", "Reads of files, by the source of their bytes.", labels=("source",)
        )
        for source, count in counts.file_reads.items():
            reads.add_metric((source,), count)
        yield reads


class _BackgroundMetrics(Collector):
    """The state of the background loops."""

    def __init__(self, background: Background) -> None:
        self._background = background

    def collect(self) -> Iterator[Metric]:
        """Return the metrics for Prometheus."""
        failures = CounterMetricFamily(
            "wheelyard_background_failures", "Failed rounds of background loops.", labels=("loop",)
        )
        finished = GaugeMetricFamily(
            "wheelyard_background_finished_timestamp_seconds",
            "When a background loop last finished a round without a failure.",
            labels=("loop",),
        )
        for loop in self._background.loops:
            failures.add_metric((loop.name,), loop.failures)
            finished.add_metric((loop.name,), loop.finished)
        yield failures
        yield finished


class Metrics:
    """The metrics of one server."""

    def __init__(self, access: AccessFileState) -> None:
        self.registry = CollectorRegistry()
        self._requests = _RequestMetrics()
        self.registry.register(self._requests)
        self._uploads = PrometheusCounter(
            "wheelyard_uploads", "Uploads by their outcome.", ("outcome",), registry=self.registry
        )
        self._storage_calls = PrometheusCounter(
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
            self.count_answers(route, request.method if resource else NO_ROUTE, status, time.perf_counter() - start)
            self.count_bodies(
                client_families.family(request.headers.get("User-Agent", "")), sent, request.content.total_bytes
            )
            self._count(request.get(RECORD))
        return response

    def count_answers(self, route: str, method: str, status: int, seconds: float, count: int = 1) -> None:
        """Count an answer, or several that are the same and took the same time."""
        self._requests.answers[route, method, status] += count
        of_route = self._requests.seconds[route]
        of_route.buckets[bisect_left(_BOUNDS, seconds)] += count
        of_route.sum += seconds * count

    def count_bodies(self, client: str, sent: int, received: int = 0, count: int = 1) -> None:
        """Count the bodies of a request and its answer, in bytes, for the family of its client."""
        counted = self._requests
        counted.clients[client] += count
        counted.sent_bytes += sent * count
        counted.received_bytes += received * count

    def count_storage_call(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a call of the storage; see `MeasuredStorage`."""
        self._storage_calls.labels(operation, outcome).inc()
        self._storage_seconds.labels(operation).observe(seconds)

    def export_catalog(self, counts: Counts) -> None:
        """Export what the catalog counts."""
        self.registry.register(_CatalogMetrics(counts))

    def export_background(self, background: Background) -> None:
        """Export the state of the background loops."""
        self.registry.register(_BackgroundMetrics(background))

    def count_login(self, method: Method, outcome: str, count: int = 1) -> None:
        """Count requests by how their sender logged in, or tried to."""
        self._requests.authentications[method, outcome] += count

    def _count(self, record: AuditRecord | None) -> None:
        if record is None:
            return
        if record.principal is not None:
            self.count_login(record.method, "accepted")
        elif record.method is not Method.NONE:
            self.count_login(record.method, "refused")
        if record.verb is AuditVerb.PUBLISH:
            self._uploads.labels(record.outcome or AuditOutcome.FAILED).inc()


def _sent_bytes(request: web.Request, response: web.StreamResponse) -> int:
    """Return how many bytes of a body have been sent, or are about to be."""
    streamed: int | None = request.get(SENT)
    if streamed is not None:
        return streamed
    has_body = request.method != "HEAD" and response.status not in (204, 304)
    return (response.content_length or 0) if has_body else 0


def metrics_app(metrics: Metrics, access: AccessFileState, background: Background) -> web.Application:
    """Return the application that serves Prometheus and the operator on a separate port."""

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def access_file(_request: web.Request) -> web.Response:
        content = {
            "usable": access.usable,
            "loaded": int(access.loaded),
            "looked": int(access.looked),
            "failing": background.failing,
            "stuck": background.late,
            "knownFormat": FORMAT,
        }
        return web.Response(text=json.dumps(content), content_type="application/json")

    app = web.Application()
    app[BACKGROUND] = background
    app[SENDERS] = "clients of metrics"
    app.on_response_prepare.append(add_headers)
    app.add_routes([web.get("/metrics", scrape), web.get("/access", access_file)])
    return app
