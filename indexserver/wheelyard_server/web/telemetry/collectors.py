"""Metrics that are counted in plain numbers and exported when Prometheus asks."""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from wheelyard_server.access.rules import Method
from wheelyard_server.background import Background
from wheelyard_server.catalog.counts import Counts

SECONDS_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, math.inf)
"""Upper bounds of the buckets, in seconds."""


@dataclass(slots=True)
class Seconds:
    """The times of a histogram, as plain numbers."""

    sum: float = 0
    buckets: list[int] = field(default_factory=lambda: [0] * len(SECONDS_BOUNDS))


class RequestMetrics(Collector):
    """The counters of requests: plain numbers, since a lock for each would cost more than the answer."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.seconds: defaultdict[str, Seconds] = defaultdict(Seconds)
        self.authentications: Counter[tuple[Method, str]] = Counter()
        self.clients: Counter[str] = Counter()
        self.sent_bytes = 0
        self.received_bytes = 0

    def count_answers(self, route: str, method: str, status: int, seconds: float, count: int = 1) -> None:
        """Count an answer, or several that are the same and took the same time."""
        self.answers[route, method, status] += count
        of_route = self.seconds[route]
        of_route.buckets[bisect_left(SECONDS_BOUNDS, seconds)] += count
        of_route.sum += seconds * count

    def count_bodies(self, client: str, sent: int, received: int = 0, count: int = 1) -> None:
        """Count the bodies of a request and its answer, in bytes, for the family of its client."""
        self.clients[client] += count
        self.sent_bytes += sent * count
        self.received_bytes += received * count

    def count_login(self, method: Method, outcome: str, count: int = 1) -> None:
        """Count requests by how their sender logged in, or tried to."""
        self.authentications[method, outcome] += count

    def collect(self) -> Iterator[Metric]:
        """Return the metrics for Prometheus."""
        yield self._answers()
        yield self._seconds()
        yield self._authentications()
        yield self._clients()
        yield CounterMetricFamily("wheelyard_sent_bytes", "Bytes of the bodies of answers.", self.sent_bytes)
        yield CounterMetricFamily(
            "wheelyard_received_bytes", "Bytes of the bodies of requests.", self.received_bytes
        )

    def _answers(self) -> Metric:
        family = CounterMetricFamily(
            "wheelyard_requests",
            "Requests that were answered, by the template of their route.",
            labels=("route", "method", "status"),
        )
        for (route, method, status), count in self.answers.items():
            family.add_metric((route, method, str(status)), count)
        return family

    def _seconds(self) -> Metric:
        family = HistogramMetricFamily(
            "wheelyard_request_seconds",
            "Time from a request's headers to the end of its answer.",
            labels=("route",),
        )
        for route, of_route in self.seconds.items():
            counts = zip(map(floatToGoString, SECONDS_BOUNDS), accumulate(of_route.buckets), strict=True)
            family.add_metric((route,), [*counts], of_route.sum)
        return family

    def _authentications(self) -> Metric:
        family = CounterMetricFamily(
            "wheelyard_authentications",
            "Requests by how their sender logged in, or tried to.",
            labels=("method", "outcome"),
        )
        for labels, count in self.authentications.items():
            family.add_metric(labels, count)
        return family

    def _clients(self) -> Metric:
        family = CounterMetricFamily(
            "wheelyard_client_requests",
            "Requests by the family of their client, from its User-Agent header.",
            labels=("client",),
        )
        for client, count in self.clients.items():
            family.add_metric((client,), count)
        return family


class CatalogMetrics(Collector):
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
        decisions = CounterMetricFamily(
            "wheelyard_policy_decisions",
            "Requests for files and names that a rule refused or reported.",
            labels=("rule", "action"),
        )
        for labels, count in counts.decisions.by_rule.items():
            decisions.add_metric(labels, count)
        yield decisions
        yield from self._mirrors()

    def _mirrors(self) -> Iterator[Metric]:
        mirrors = self._counts.mirrors
        by_upstream = {
            "made": ("Projects of upstreams that this server was the first to serve.", mirrors.made),
            "owners_changed": ("Names that moved to another upstream, by the new one.", mirrors.owners_changed),
            "conflicts": ("Files for which an upstream lists other bytes than before.", mirrors.conflicts),
            "gone": ("Files that an upstream no longer lists.", mirrors.gone),
            "dropped": ("Entries of pages that are not files of their project, or unusable.", mirrors.dropped),
        }
        for name, (purpose, counts) in by_upstream.items():
            family = CounterMetricFamily(f"wheelyard_mirror_{name}", purpose, labels=("upstream",))
            for upstream, count in counts.items():
                family.add_metric((upstream,), count)
            yield family
        yield CounterMetricFamily(
            "wheelyard_mirror_stale_reads", "Pages that were served without their upstream.", mirrors.stale_reads
        )
        events = CounterMetricFamily(
            "wheelyard_mirrored_files", "Events of files that came from upstreams.", labels=("event",)
        )
        for event, count in self._counts.mirrored.items():
            events.add_metric((event,), count)
        yield events


class FetchCounts(Protocol):
    """The numbers of the fetch log; see `FetchCounter`."""

    total: int
    dropped: int

    @property
    def waiting_rows(self) -> int:
        """Return the number of rows in memory."""
        ...


class FetchLogMetrics(Collector):
    """The numbers of the fetch log."""

    def __init__(self, counts: FetchCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Return the metrics for Prometheus."""
        yield CounterMetricFamily("wheelyard_fetch_log_fetches", "Fetches of files.", self._counts.total)
        yield CounterMetricFamily(
            "wheelyard_fetch_log_dropped", "Fetches that are in no row of the fetch log.", self._counts.dropped
        )
        yield GaugeMetricFamily(
            "wheelyard_fetch_log_waiting_rows",
            "Rows of the fetch log in memory, which wait to be written.",
            self._counts.waiting_rows,
        )


class BackgroundMetrics(Collector):
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
