"""What people and the operator ask about advisories: which are in force, how old they are, and what is wrong."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from wheelyard_server.catalog.advisories.following import FollowedAdvisories
from wheelyard_server.catalog.advisories.pointer import Pointer

MAX_REASON_LENGTH = 500
LATE_AFTER = timedelta(hours=6)
"""OSV's export is made every 15 to 90 minutes (2026)."""


class Force(StrEnum):
    """Whether there are advisories."""

    MISSING = "Missing"
    """There never were any: malware is not known, so it is not blocked."""
    IN_FORCE = "InForce"
    LOST = "Lost"
    """There are some that this server cannot read: it offers no file of an upstream if malware is blocked."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class FeedFailure(_Part, frozen=True):
    """Why the feed cannot be read."""

    reason: str
    since: datetime


class WaitingExport(_Part, frozen=True):
    """An export that takes away records, which stay until a person accepts it."""

    reason: str
    since: datetime
    records: int
    malware: int


class AdvisoriesState(_Part, frozen=True):
    """The advisories of an index, as one of its servers has them. Times are in UTC."""

    state: Force
    revision: str
    """Differs for each state of the advisories; "" if there are none."""
    source: str
    """`osv`, the URL or file of the feed, or the user who loaded them; "" if there are none."""
    records: int
    """Number of records that are not withdrawn."""
    malware: int
    """Number of those that are reports of malware."""
    unreadable: int
    """Number of records that could not be read."""
    changed: datetime | None
    """The last change of a record."""
    shown: datetime | None
    """When the feed last showed something new."""
    age: int | None
    """Seconds since then; null if there are none."""
    late: bool
    """Whether a feed has shown nothing new for six hours."""
    checked: datetime | None
    """When the feed last answered."""
    in_force: datetime | None
    """When they last changed here."""
    failure: FeedFailure | None
    waiting: WaitingExport | None
    problem: str
    """Why this server does not have what the storage names; "" if it has."""


def state_of(followed: FollowedAdvisories, now: datetime, *, has_feed: bool) -> AdvisoriesState:
    """Return the state of this server. What a person loads is never late."""
    pointer = followed.pointer
    age = None if pointer.shown is None else max(now - pointer.shown, timedelta(0))
    return AdvisoriesState(
        state=_force(followed),
        revision=followed.value.revision,
        source=pointer.source,
        records=pointer.amount.records,
        malware=pointer.amount.malware,
        unreadable=pointer.unreadable,
        changed=pointer.amount.changed,
        shown=pointer.shown,
        age=None if age is None else int(age.total_seconds()),
        late=has_feed and age is not None and age > LATE_AFTER,
        checked=pointer.checked,
        in_force=pointer.in_force,
        failure=_failure(pointer),
        waiting=_waiting(pointer),
        problem=followed.problem[:MAX_REASON_LENGTH],
    )


def _force(followed: FollowedAdvisories) -> Force:
    if followed.value.are_lost:
        return Force.LOST
    return Force.IN_FORCE if followed.value.are_known else Force.MISSING


def _failure(pointer: Pointer) -> FeedFailure | None:
    failure = pointer.failure
    if failure is None:
        return None
    return FeedFailure(reason=failure.reason[:MAX_REASON_LENGTH], since=failure.since)


def _waiting(pointer: Pointer) -> WaitingExport | None:
    waiting = pointer.waiting
    if waiting is None:
        return None
    return WaitingExport(
        reason=waiting.reason,
        since=waiting.since,
        records=waiting.amount.records,
        malware=waiting.amount.malware,
    )
