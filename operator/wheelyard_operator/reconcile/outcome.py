"""What a reconciliation tells the queue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """When to come back."""

    after: float | None = None
    """Seconds; None is the next resync, which nothing comes later than."""
    gone: bool = False
    """Never, unless something happens: there is nothing left to look after."""
    state: str = ""
    """The resource's state in a word, "" where it was not found out."""


GONE = Outcome(gone=True)
