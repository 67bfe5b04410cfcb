"""Decides when a user gets a new token: pure rules, step by step, so that a crash loses nothing.

A new token is first added to the access file of the index. It is handed out a moment later, when
every index server accepts it. The previous token works for a while longer.
"""

from collections.abc import Callable
from dataclasses import replace

from wheelyard_operator import tokens
from wheelyard_operator.desired.credentials import Credentials, Previous
from wheelyard_operator.desired.requests import is_asked, with_answer
from wheelyard_operator.resource import Rotation
from wheelyard_operator.times import later, seconds_until

SETTLE_SECONDS = 10
"""A change of the access file is in force on every index server well within this time."""
_MAX_PREVIOUS = 5


def next_step(
    current: Credentials,
    rotation: Rotation,
    now: str,
    is_known: Callable[[str], bool],
    new_token: Callable[[], str],
) -> Credentials:
    """Return the credentials that a user with a token should have now.

    `is_known` returns whether the index has the digest of a token.
    """
    if not current.token:
        answered = with_answer(rotation.request, current.answered)
        return Credentials(new_token(), now, answered, password=current.password)
    current = replace(current, previous=tuple(each for each in current.previous if each.until > now))
    if not current.next_token:
        if _is_due(current, rotation, now):
            answered = with_answer(rotation.request, current.answered)
            return replace(current, next_token=new_token(), next_since=now, answered=answered)
        return current
    if not is_known(tokens.digest(current.next_token)) or _settles_at(current) > now:
        return current
    withdrawn = Previous(tokens.digest(current.token), later(now, rotation.overlap))
    return replace(
        current,
        token=current.next_token,
        issued=now,
        next_token="",
        next_since="",
        previous=(withdrawn, *current.previous)[:_MAX_PREVIOUS],
    )


def next_rotation(current: Credentials, rotation: Rotation) -> str:
    """Return the time when the next rotation is scheduled, "" for never."""
    return later(current.issued, rotation.every) if rotation.every and current.token else ""


def seconds_to_next(current: Credentials, rotation: Rotation, now: str) -> float | None:
    """Return the seconds until the next step, None if none is scheduled."""
    times = [each.until for each in current.previous]
    times.append(_settles_at(current) if current.next_token else next_rotation(current, rotation))
    return min((max(seconds_until(time, now), 0) for time in times if time), default=None)


def _is_due(current: Credentials, rotation: Rotation, now: str) -> bool:
    due = next_rotation(current, rotation)
    return is_asked(rotation.request, current.answered) or bool(due and due <= now)


def _settles_at(current: Credentials) -> str:
    return later(current.next_since, SETTLE_SECONDS) if current.next_since else ""
