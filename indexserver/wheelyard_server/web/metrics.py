"""What the server tells Prometheus, by https://prometheus.io/docs/practices/naming/: nobody is named."""

import json
import time

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from wheelyard_server.access.audit import AuditRecord, AuditVerb, Outcome
from wheelyard_server.access.current import CurrentAccess
from wheelyard_server.access.rules import Method
from wheelyard_server.web.context import RECORD
from wheelyard_server.web.errors import status_of

NO_ROUTE = "none"


class Metrics:
    """The metrics of one server."""

    def __init__(self, access: CurrentAccess) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "wheelyard_requests",
            "Requests that were answered, by the template of their route.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "wheelyard_request_seconds",
            "Time from a request's headers to the end of its answer.",
            ("route",),
            registry=self.registry,
        )
        self._authentications = Counter(
            "wheelyard_authentications",
            "Requests by how their sender logged in, or tried to.",
            ("method", "outcome"),
            registry=self.registry,
        )
        self._uploads = Counter(
            "wheelyard_uploads", "Uploads, by what came of them.", ("outcome",), registry=self.registry
        )
        usable = Gauge(
            "wheelyard_access_file_usable",
            "1 if the access file that is there is the one in force, 0 if it was refused.",
            registry=self.registry,
        )
        usable.set_function(lambda: float(access.usable))
        loaded = Gauge(
            "wheelyard_access_file_loaded_timestamp_seconds",
            "When the access file in force was read.",
            registry=self.registry,
        )
        loaded.set_function(lambda: access.loaded)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count a request. It belongs outside of what makes answers of errors."""
        start, status = time.perf_counter(), 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = status_of(error)
            raise
        finally:
            resource = request.match_info.route.resource
            route = NO_ROUTE if resource is None else resource.canonical
            self._requests.labels(route, request.method if resource else NO_ROUTE, str(status)).inc()
            self._seconds.labels(route).observe(time.perf_counter() - start)
            self._count(request.get(RECORD))
        return response

    def _count(self, record: AuditRecord | None) -> None:
        if record is None:
            return
        if record.principal is not None:
            self._authentications.labels(record.method, "accepted").inc()
        elif record.method is not Method.NONE:
            self._authentications.labels(record.method, "refused").inc()
        if record.verb is AuditVerb.PUBLISH:
            self._uploads.labels(record.outcome or Outcome.FAILED).inc()


def metrics_app(metrics: Metrics, access: CurrentAccess) -> web.Application:
    """Make what is served beside the index, to Prometheus and to the operator, on a port of its own."""

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def tell_access(_request: web.Request) -> web.Response:
        content = {"usable": access.usable, "loaded": int(access.loaded)}
        return web.Response(text=json.dumps(content), content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/metrics", scrape), web.get("/access", tell_access)])
    return app
