"""The registries of both programs, as they are before anybody has asked for anything."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from support.memory_storage import MemoryStorage
from wheelyard_operator.process.leadership import Alone
from wheelyard_operator.process.metrics import Metrics as OperatorMetrics
from wheelyard_operator.process.queue import WorkQueue
from wheelyard_operator.reconcile.outcome import Outcome
from wheelyard_server import app
from wheelyard_server.app import METRICS
from wheelyard_server.settings import Folder, Settings, StorageSettings

_ENDINGS = {"counter": "_total"}


def server_registry(folder: Path) -> CollectorRegistry:
    """Build an index server in an empty folder and return its metrics."""
    access_file = folder / "access.yaml"
    access_file.write_text("{}")
    policy_file = folder / "policy.yaml"
    policy_file.write_text("{}")
    settings = Settings(
        storage=StorageSettings(folder=Folder(path=folder / "unused")),
        access_file=access_file,
        policy_file=policy_file,
        scratch_folder=folder / "scratch",
    )
    return app.build(settings, MemoryStorage())[METRICS].registry


def operator_registry() -> CollectorRegistry:
    """Return the metrics of an operator."""
    metrics = OperatorMetrics()
    metrics.follow(WorkQueue(lambda _key: Outcome()), Alone())
    return metrics.registry


def labels(registry: CollectorRegistry) -> dict[str, tuple[str, ...]]:
    """Return the labels of all metrics by name, as they are asked for: a histogram's without `_bucket`."""
    found = {}
    for collector in registry._collector_to_names:
        for metric in collector.collect():
            # Those of the library itself know their labels, all others' families do.
            told_by = collector if hasattr(collector, "_labelnames") else metric
            found[metric.name + _ENDINGS.get(metric.type, "")] = tuple(told_by._labelnames)  # type: ignore[union-attr]
    return found
