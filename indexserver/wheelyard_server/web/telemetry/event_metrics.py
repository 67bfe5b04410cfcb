"""The state of the webhook, for Prometheus and the operator."""

import json
from collections.abc import Iterator

from aiohttp import web
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wheelyard_server.events.opening import Webhook


class EventMetrics(Collector):
    """The events of one server; without a webhook, the metrics have no values."""

    def __init__(self, webhook: Webhook | None) -> None:
        self._webhook = webhook

    def collect(self) -> Iterator[Metric]:
        """Return the metrics for Prometheus."""
        results = CounterMetricFamily("wheelyard_events", "Events by their result.", labels=("event", "result"))
        waiting = GaugeMetricFamily("wheelyard_events_waiting", "Events that wait to be sent.")
        failing = GaugeMetricFamily("wheelyard_events_failing", "1 if the last attempt to send failed, else 0.")
        failed = CounterMetricFamily("wheelyard_events_failed_attempts", "Attempts to send an event that failed.")
        if self._webhook is not None:
            queue = self._webhook.queue
            for labels, count in queue.counts.results.items():
                results.add_metric(labels, count)
            waiting.add_metric((), len(queue))
            failing.add_metric((), float(bool(self._webhook.delivery.state.failing)))
            failed.add_metric((), queue.counts.failed_attempts)
        yield from (results, waiting, failing, failed)


def events_route(webhook: Webhook) -> web.RouteDef:
    """Return the route of the metrics' port by which the operator learns whether events arrive."""

    async def events(_request: web.Request) -> web.Response:
        state = webhook.delivery.state
        content = {"waiting": len(webhook.queue), "failing": state.failing, "since": state.since}
        return web.Response(text=json.dumps(content), content_type="application/json")

    return web.get("/events", events)
