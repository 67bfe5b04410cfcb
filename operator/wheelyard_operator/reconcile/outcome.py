"""The result of a reconciliation for the queue and the metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """When to reconcile again, and the state of the resource."""

    after: float | None = None
    """Seconds; None for the next resync, which is the latest time."""
    gone: bool = False
    """Not again, unless an event comes: the resource is gone."""
    state: str = ""
    """The resource's state in a word, "" if unknown."""
    ends: Mapping[str, str] = field(default_factory=dict)
    """When its `token`, its access `key` or its `certificate` expires or is due for rotation, RFC
    3339."""


GONE = Outcome(gone=True)
