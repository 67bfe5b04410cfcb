"""Metrics of advisories, and what the operator asks about them. Neither asks the storage or the feed."""

from collections.abc import Iterator
from typing import Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wheelyard_server.catalog.advisories.state import AdvisoriesState, Force


class ShownAdvisories(Protocol):
    """The part of `AdvisoriesOfIndex` that is shown."""

    @property
    def has_feed(self) -> bool:
        """Return whether the settings have a feed."""
        ...

    @property
    def failures(self) -> int:
        """Return how many attempts to read the feed have failed on this server."""
        ...

    def state(self) -> AdvisoriesState:
        """Return the state."""
        ...


class AdvisoryMetrics(Collector):
    """Whether there are advisories, how many and how old, and what is wrong with the feed."""

    def __init__(self, advisories: ShownAdvisories) -> None:
        self._advisories = advisories

    def collect(self) -> Iterator[Metric]:
        """Return the metrics for Prometheus."""
        state = self._advisories.state()
        for name, purpose, value in self._gauges(state):
            yield GaugeMetricFamily(f"wheelyard_advisories_{name}", purpose, value)
        yield CounterMetricFamily(
            "wheelyard_advisories_failures", "Failed attempts to read the feed.", self._advisories.failures
        )

    def _gauges(self, state: AdvisoriesState) -> Iterator[tuple[str, str, float | None]]:
        yield "in_force", "1 if there are advisories, else 0.", float(state.state is Force.IN_FORCE)
        yield "lost", "1 if there are advisories that cannot be read, else 0.", float(bool(state.problem))
        yield "records", "Records in force.", float(state.records)
        yield "malware_records", "Reports of malware in force.", float(state.malware)
        yield "unreadable_records", "Records that cannot be read.", float(state.unreadable)
        yield "waiting", "1 if an export waits for a person, else 0.", float(state.waiting is not None)
        yield "failing", "1 if the feed cannot be read, else 0.", float(state.failure is not None)
        yield "late", "1 if a feed has shown nothing new for six hours, else 0.", float(state.late)
        yield "age_seconds", "Time since the feed showed something new.", state.age


class AdvisoryStates:
    """The member `advisories` of `GET /policy`; docs/contract.md describes it."""

    def __init__(self, advisories: ShownAdvisories) -> None:
        self._advisories = advisories

    def described(self) -> dict[str, Any]:
        """Return the member."""
        state = self._advisories.state()
        return {
            "feed": state.source or ("configured" if self._advisories.has_feed else ""),
            "revision": state.revision,
            "records": state.records,
            "late": state.late,
            "lost": bool(state.problem),
            "waiting": state.waiting.reason if state.waiting else "",
            "failure": state.failure.reason if state.failure else "",
        }
