"""Metrics of upstreams. The label `upstream` has the names in the settings: a handful."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from wheelyard_server.catalog.counts import Counts, KeptSize, MirrorEvent
from wheelyard_server.upstream import Health, Upstream
from wheelyard_server.upstream.measured import UpstreamKind, UpstreamRequest, UpstreamResult
from wheelyard_server.web.telemetry.collectors import SECONDS_BOUNDS, Seconds

MAX_REASON_LENGTH = 500


class UpstreamStates:
    """What the operator asks about upstreams; docs/contract.md describes it."""

    def __init__(self, upstreams: Iterable[Upstream], counts: Counts, kept: Callable[[], KeptSize]) -> None:
        self._upstreams = tuple(upstreams)
        self._counts = counts
        self._kept = kept

    def described(self) -> dict[str, Any]:
        """Return the content of the answer."""
        kept = self._kept()
        return {
            "upstreams": [self._described(each.health()) for each in self._upstreams],
            "unkept": self._counts.mirrored[MirrorEvent.BOUND_REACHED],
            "keptBytes": kept.size,
            "maxKeptBytes": kept.max_size,
        }

    def _described(self, health: Health) -> dict[str, Any]:
        return {
            "name": health.name,
            "reachable": health.is_reachable,
            "since": int(health.since.timestamp()),
            "reason": health.reason[:MAX_REASON_LENGTH],
            "conflicts": self._counts.mirrors.conflicts[health.name],
            "ownersChanged": self._counts.mirrors.owners_changed[health.name],
        }


class KeptMetrics(Collector):
    """The size of the bytes of upstreams that are kept. A scrape never asks the storage."""

    def __init__(self, kept: Callable[[], KeptSize]) -> None:
        self._kept = kept

    def collect(self) -> Iterator[Metric]:
        """Return the metrics for Prometheus: without a value if it is unknown, or unlimited."""
        kept = self._kept()
        yield GaugeMetricFamily("wheelyard_mirrored_bytes", "Bytes of upstreams that are kept.", kept.size)
        yield GaugeMetricFamily(
            "wheelyard_mirrored_max_bytes",
            "Bytes of upstreams that may be kept: limits.mirroredSize.",
            kept.max_size,
        )


class UpstreamMetrics(Collector):
    """The counters of requests to upstreams, and whether each upstream answers."""

    def __init__(self, upstreams: Iterable[Upstream]) -> None:
        self._upstreams = tuple(upstreams)
        self._requests: Counter[tuple[str, UpstreamKind, UpstreamResult]] = Counter()
        self._seconds: defaultdict[tuple[str, UpstreamKind], Seconds] = defaultdict(Seconds)
        self._received: Counter[str] = Counter()

    def count(self, request: UpstreamRequest) -> None:
        """Count a request; see `MeasuredUpstream`."""
        upstream, kind = request.upstream, request.kind
        self._requests[upstream, kind, request.result] += 1
        self._received[upstream] += request.received
        seconds = self._seconds[upstream, kind]
        seconds.buckets[bisect_left(SECONDS_BOUNDS, request.seconds)] += 1
        seconds.sum += request.seconds

    def collect(self) -> Iterator[Metric]:
        """Return the metrics for Prometheus."""
        yield self._up()
        requests = CounterMetricFamily(
            "wheelyard_upstream_requests", "Requests to upstreams.", labels=("upstream", "kind", "result")
        )
        for labels, count in self._requests.items():
            requests.add_metric(labels, count)
        yield requests
        yield self._durations()
        received = CounterMetricFamily(
            "wheelyard_upstream_bytes", "Bytes of files that upstreams have sent.", labels=("upstream",)
        )
        for upstream, count in self._received.items():
            received.add_metric((upstream,), count)
        yield received

    def _up(self) -> Metric:
        family = GaugeMetricFamily(
            "wheelyard_upstream_up", "1 if the upstream answered last time, else 0.", labels=("upstream",)
        )
        for upstream in self._upstreams:
            family.add_metric((upstream.name,), float(upstream.health().is_reachable))
        return family

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "wheelyard_upstream_request_seconds",
            "Time until an upstream has answered; until the first bytes of a file.",
            labels=("upstream", "kind"),
        )
        for labels, seconds in self._seconds.items():
            counts = zip(map(floatToGoString, SECONDS_BOUNDS), accumulate(seconds.buckets), strict=True)
            family.add_metric(labels, [*counts], seconds.sum)
        return family
