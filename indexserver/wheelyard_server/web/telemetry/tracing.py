"""Traces of requests, sent by OTLP to a collector; the only module that knows OpenTelemetry.

It is imported only if `tracing` is set. Names and attributes follow the semantic conventions for
HTTP. A thread sends the spans: if the collector is down, spans are dropped and requests are
unaffected.
"""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.semconv.attributes import error_attributes, http_attributes, url_attributes
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from wheelyard_server import settings, spans
from wheelyard_server.web.context import origin
from wheelyard_server.web.error_statuses import status_of
from wheelyard_server.web.http import request_ids
from wheelyard_server.web.http.lifecycle import PROBES
from wheelyard_server.web.telemetry.logs import MAX_PATH_LENGTH, has_secret, hide_secrets
from wheelyard_server.web.telemetry.sampling import Sampling

log = logging.getLogger(__name__)

PATH = "/v1/traces"
REQUEST_ID = "wheelyard.request_id"
EXPORT_SECONDS = 10
"""The longest attempt to send, retries included."""
FLUSH_SECONDS = 2
"""How long the server waits at its end for spans that were not sent yet."""


class Tracing:
    """Makes the spans of a server's requests."""

    def __init__(self, exporter: SpanExporter, index: str, sampling: Sampling) -> None:
        self._sampling = sampling
        self._propagator = TraceContextTextMapPropagator()
        # Every request that gets a span was chosen before.
        self._provider = TracerProvider(sampler=ALWAYS_ON, resource=_resource(index), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("wheelyard", version("wheelyard"))

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Trace a request if it is chosen. It belongs outside the middleware that turns errors into answers."""
        if request.path.startswith(PROBES) or not self._sampling.samples(request):
            return await handler(request)
        with self._of_request(request) as span, spans.traced_by(self):
            status = 500
            try:
                response = await handler(request)
                status = response.status
            except web.HTTPException as error:
                status = status_of(error)
                raise
            finally:
                _record_status(span, status)
            return response

    @contextmanager
    def step(self, name: str) -> Iterator[spans.Span]:
        """See `spans.step`."""
        with self._current(name) as span:
            wrapped = _Span(span)
            try:
                yield wrapped
            except Exception as error:
                wrapped.failed(type(error).__name__)
                raise

    @contextmanager
    def call(self, name: str) -> Iterator[spans.Span]:
        """See `spans.call`."""
        # It is never the current span: a generator's call may end anywhere.
        span = self._tracer.start_span(name)
        try:
            yield _Span(span)
        finally:
            span.end()

    async def close(self, _app: web.Application | None = None) -> None:
        """Send the spans that were not sent yet, for `FLUSH_SECONDS` at most."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, FLUSH_SECONDS)

    @contextmanager
    def _of_request(self, request: web.Request) -> Iterator[trace.Span]:
        method = request.method if request.method in hdrs.METH_ALL else "_OTHER"
        resource = request.match_info.route.resource
        attributes = {
            http_attributes.HTTP_REQUEST_METHOD: method,
            url_attributes.URL_PATH: hide_secrets(request.path)[:MAX_PATH_LENGTH],
            url_attributes.URL_SCHEME: origin(request).partition(":")[0],
            REQUEST_ID: hide_secrets(request_ids.current()),
        }
        name = "HTTP" if method == "_OTHER" else method
        if resource is not None:
            attributes[http_attributes.HTTP_ROUTE] = resource.canonical
            name = f"{name} {resource.canonical}"
        given = {name: request.headers.get(name, "") for name in self._propagator.fields}
        parent = self._propagator.extract({name: value for name, value in given.items() if not has_secret(value)})
        with self._current(name, parent, trace.SpanKind.SERVER, attributes) as span:
            yield span

    def _current(
        self,
        name: str,
        parent: Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: dict[str, str] | None = None,
    ) -> AbstractContextManager[trace.Span]:
        # The text of an error may name users and projects: a trace has its type alone.
        return self._tracer.start_as_current_span(
            name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
        )


def connect(where: settings.TracingSettings, index: str, sampling: Sampling) -> Tracing:
    """Return the tracing that sends to a collector."""
    endpoint = where.endpoint.rstrip("/") + PATH
    return Tracing(
        LoggedExporter(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS), endpoint), index, sampling
    )


class LoggedExporter(SpanExporter):
    """Sends by another exporter, and logs a line when that begins to fail, and one when it works again."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._fails = False
        self._reason = _Reason()
        # OpenTelemetry logs each failed batch; our lines include its reason.
        library = logging.getLogger("opentelemetry")
        library.propagate = False
        library.addHandler(self._reason)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans, and return the result."""
        self._reason.text = ""
        result = self._exporter.export(spans)
        fails = result is not SpanExportResult.SUCCESS
        if fails and not self._fails:
            log.warning(
                "Traces cannot be sent to %s and are dropped until they can; requests are unaffected: %s",
                self._endpoint,
                self._reason.text,
            )
        elif self._fails and not fails:
            log.info("Traces are sent to %s again", self._endpoint)
        self._fails = fails
        return result

    def shutdown(self) -> None:
        """Stop, without another attempt."""
        self._exporter.shutdown()


class _Reason(logging.Handler):
    """Remembers the first error: later lines only say that it continues."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        if not self.text and record.name.startswith("opentelemetry.exporter"):
            self.text = record.getMessage()


class _Span:
    """A span of OpenTelemetry as `spans.Span`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set_attribute(self, key: str, value: str) -> None:
        self._span.set_attribute(key, value)

    def failed(self, kind: str) -> None:
        self._span.set_attribute(error_attributes.ERROR_TYPE, kind)
        self._span.set_status(trace.StatusCode.ERROR)


def _record_status(span: trace.Span, status: int) -> None:
    span.set_attribute(http_attributes.HTTP_RESPONSE_STATUS_CODE, status)
    # A client's mistake is not a failure of the server.
    if status >= 500:
        _Span(span).failed(str(status))


def _resource(index: str) -> Resource:
    """Return this process as a resource; OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME add to it."""
    attributes = {
        "service.name": "wheelyard",
        "service.version": version("wheelyard"),
        # Each pod has its own host name, and a server may be several processes.
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        "wheelyard.index": index,
    }
    return Resource.create({name: value for name, value in attributes.items() if value})
