"""How Prometheus monitors an index."""

from dataclasses import dataclass

from wheelyard_operator.resource.meta import Manifest


@dataclass(frozen=True)
class Monitor:
    """A ServiceMonitor of the Prometheus Operator."""

    labels: Manifest
    """Labels that Prometheus selects its ServiceMonitors by."""
    interval: str

    @classmethod
    def parse(cls, body: Manifest) -> "Monitor":
        """Take it from `spec.monitoring.serviceMonitor`."""
        return cls(labels=body.get("labels", {}), interval=body.get("interval", "30s"))
