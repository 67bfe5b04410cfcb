"""From the events of a record's ranges to intervals of versions."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from packaging.version import Version

from wheelyard_server.feed.osv_format import OsvEvent
from wheelyard_server.policy.affected_versions import Interval, listed, readable

FIRST, NO_LIMIT = "0", "*"
"""The spellings of the version before all others, and of the absence of a limit."""


class Affected(NamedTuple):
    """What the events of one range say."""

    intervals: tuple[Interval, ...]
    fixed: tuple[str, ...]
    """Versions that fix it, as `listed` spells them."""
    unreadable: tuple[str, ...]
    """Affected versions that have no order: they are affected themselves, and no other is by them."""
    is_odd: bool
    """Whether a version could not be read."""


class _Change(NamedTuple):
    """A version at which being affected begins or ends, in the order in which changes count."""

    at: Version
    is_closed: bool
    """Whether it is an end, and the version itself is still affected: then all else at this version comes first."""
    position: int
    """In the record."""
    is_start: bool


def affected_by(events: Sequence[OsvEvent]) -> Affected:
    """Return the affected versions of one range, in the order of PEP 440."""
    starts = [event.introduced for event in events if event.introduced]
    ends = [event.last_affected for event in events if event.last_affected]
    fixed = [event.fixed for event in events if event.fixed]
    changes = sorted(change for each in enumerate(events) if (change := _change(*each)) is not None)
    intervals = _limited(
        _intervals(changes, is_first=FIRST in starts), [each.limit for each in events if each.limit]
    )
    return Affected(
        tuple(intervals),
        tuple(listed(text) for text in fixed if readable(text)),
        tuple(listed(text) for text in (*starts, *ends) if readable(text) is None),
        any(readable(text) is None for text in (*starts, *ends, *fixed)),
    )


def _change(position: int, event: OsvEvent) -> _Change | None:
    """Return the change that an event is; None if it is a limit, cannot be read, or comes before all versions."""
    text = event.introduced or event.fixed or event.last_affected
    at = readable(text) if text and event.introduced != FIRST else None
    return None if at is None else _Change(at, bool(event.last_affected), position, bool(event.introduced))


def _intervals(changes: Iterable[_Change], *, is_first: bool) -> list[Interval]:
    """Return what the changes enclose; `is_first`: it begins before all of them."""
    found: list[Interval] = []
    start: str | None = "" if is_first else None
    for change in changes:
        if change.is_start:
            start = str(change.at) if start is None else start
        elif start is not None:
            found.append(Interval(start, str(change.at), change.is_closed))
            start = None
    return found if start is None else [*found, Interval(start)]


def _limited(intervals: list[Interval], limits: Sequence[str]) -> list[Interval]:
    """Cut intervals at the highest limit. One that cannot be read cuts nothing, so that no fewer are affected."""
    found = [readable(text) for text in limits]
    highest = max((each for each in found if each is not None), default=None)
    if highest is None or NO_LIMIT in limits or None in found:
        return intervals
    return [cut for each in intervals if (cut := _cut(each, highest)) is not None]


def _cut(interval: Interval, limit: Version) -> Interval | None:
    if interval.start and Version(interval.start) >= limit:
        return None
    if interval.end and Version(interval.end) < limit:
        return interval
    return Interval(interval.start, str(limit))
