"""The metrics of the operator, named by https://prometheus.io/docs/practices/naming/.

No label names an object: each has a handful of values, however many resources there are.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.aiohttp import make_aiohttp_handler

from wheelyard_operator.process.leadership import Leader
from wheelyard_operator.process.queue import WorkQueue
from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_operator.resource import EXCEPTION, INDEX, USER, Key
from wheelyard_operator.status.conditions import STATES
from wheelyard_operator.times import timestamp

_PREFIX = "wheelyard_operator"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """The metrics of one operator."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.kubernetes_requests = self._counter(
            "kubernetes_requests", "Requests of reconciliations to the API server.", "verb", "kind", "status"
        )
        self.aws_requests = self._counter(
            "aws_requests",
            "Requests to S3, IAM, STS and CodeArtifact, every attempt.",
            "service",
            "operation",
            "status",
        )
        self.http_requests = self._counter(
            "http_requests",
            "Requests to OIDC issuers and to the metrics port of index servers.",
            "service",
            "status",
        )
        self._failures = self._counter(
            "background_failures", "Unexpected failures of background loops; each is retried.", "loop"
        )
        self._last_event = self._gauge(
            "last_event_timestamp_seconds", "When a watch last delivered an event.", "resource"
        )
        self._measure_reconciliations()
        self._watch_resources()

    def _measure_reconciliations(self) -> None:
        self._reconciliations = self._counter(
            "reconciliations", "Reconciliations that ended, by result.", "kind", "result"
        )
        self._reconcile_seconds = Histogram(
            f"{_PREFIX}_reconcile_seconds",
            "Duration of reconciliations.",
            ("kind",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._overruns = self._counter(
            "overruns", "Reconciliations that exceeded their budget, so that others did not wait for them.", "kind"
        )
        self._last_reconcile = self._gauge(
            "last_reconcile_timestamp_seconds", "When a reconciliation last ended without an error.", "kind"
        )

    def _watch_resources(self) -> None:
        self._states: dict[Key, str] = {}
        self._ends: dict[Key, Mapping[str, str]] = {}
        resources = self._gauge("resources", "Managed resources, by their last known state.", "kind", "state")
        for kind, state in product((INDEX, USER, EXCEPTION), STATES):
            resources.labels(kind, state).set_function(partial(self._count, kind, state))
        ends = self._gauge(
            "next_end_timestamp_seconds",
            "When the first token or access key is due for rotation, and when the first certificate expires.",
            "of",
        )
        for each in ("certificate", "key", "token"):
            ends.labels(each).set_function(partial(self._first_end, each))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

    def record_event(self, resource: str) -> None:
        """Record an event of a watch, of a resource such as "secrets"."""
        self._last_event.labels(resource).set(time.time())

    def failure_counter(self, loop: str) -> Callable[[], None]:
        """Return a function that counts an unexpected failure of a loop."""
        return self._failures.labels(loop).inc

    def measured(self, reconcile: Callable[[Key], Outcome]) -> Callable[[Key], Outcome]:
        """Return the function with each of its calls measured."""

        def measured(key: Key) -> Outcome:
            result, start = "error", time.perf_counter()
            try:
                outcome = reconcile(key)
                result = "gone" if outcome.gone else "settled" if outcome.after is None else "waiting"
            finally:
                self._reconcile_seconds.labels(key.kind).observe(time.perf_counter() - start)
                self._reconciliations.labels(key.kind, result).inc()
            self._last_reconcile.labels(key.kind).set(time.time())
            self._record(key, outcome)
            return outcome

        return measured

    def follow(self, queue: WorkQueue, leader: Leader) -> None:
        """Show the state of the queue and of the leadership at the time of each scrape."""
        queue.overran = lambda key: self._overruns.labels(key.kind).inc()
        leads = Gauge("wheelyard_operator_leads", "1 if this operator leads, 0 if not.", registry=self.registry)
        leads.set_function(lambda: float(leader.leads))
        due = Gauge("wheelyard_operator_queue_due", "Resources that wait for a worker.", registry=self.registry)
        due.set_function(lambda: float(queue.count_due()))
        running = Gauge("wheelyard_operator_queue_running", "Running reconciliations.", registry=self.registry)
        running.set_function(lambda: float(queue.count_running()))

    def _record(self, key: Key, outcome: Outcome) -> None:
        if outcome.gone:
            self._states.pop(key, None)
            self._ends.pop(key, None)
        elif outcome.state:
            self._states[key] = outcome.state
            self._ends[key] = outcome.ends

    def _first_end(self, of: str) -> float:
        """Return the earliest time; +Inf if there is none."""
        times = [ends.get(of) for ends in self._ends.copy().values()]
        return min((timestamp(time) for time in times if time), default=float("inf"))

    def _count(self, kind: str, state: str) -> float:
        states = self._states.copy()
        return float(sum(key.kind == kind and found == state for key, found in states.items()))


def metrics_app(metrics: Metrics) -> web.Application:
    """Return the app that serves Prometheus."""
    app = web.Application()
    app.router.add_get("/metrics", make_aiohttp_handler(metrics.registry))
    return app
