"""What a reconciliation tells the queue."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """When to come back."""

    after: float | None = None
    """Seconds; None is the next resync, which nothing comes later than."""
    gone: bool = False
    """Never, unless something happens: there is nothing left to look after."""
    state: str = ""
    """The resource's state in a word, "" where it was not found out."""
    ends: Mapping[str, str] = field(default_factory=dict)
    """When its `token`, its access `key` or its `certificate` ends or is due to be replaced, RFC 3339."""


GONE = Outcome(gone=True)
