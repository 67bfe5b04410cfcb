"""What a reconciliation tells the queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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
