"""When an index gets a new access key, and when the one before ends: pure rules, one step at a time.

New key, Secret, roll, and once no pod has the old key any more: grace, deactivate it, grace, delete it. Each step
can be seen from outside, so being killed between any two loses nothing, and there are never more than two keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wheelyard_operator.desired.requests import is_asked
from wheelyard_operator.desired.storage_secret import StorageKey
from wheelyard_operator.provision.storage_users import AccessKey
from wheelyard_operator.resource.storage import KeyRotation
from wheelyard_operator.times import later

MOST_KEYS = 2
"""AWS allows a user no more."""
SETTLE_SECONDS = 60
"""So long a key may be missing in AWS's list after it was made."""


@dataclass(frozen=True)
class Make:
    """Make a key and write it down, after deleting one that is in the way, if there is one."""

    in_the_way: str = ""


@dataclass(frozen=True)
class Deactivate:
    """Deactivate the key before."""

    key_id: str


@dataclass(frozen=True)
class Note:
    """Write down that the key before has been deactivated now."""


@dataclass(frozen=True)
class Delete:
    """Delete the key before."""

    key_id: str


Step = Make | Deactivate | Note | Delete


@dataclass(frozen=True)
class Situation:
    """What is known of an index's keys now."""

    current: StorageKey
    """As it is written down."""
    keys: Sequence[AccessKey]
    """As the provider lists them, oldest first."""
    only_current_in_use: bool
    """Whether every pod has the current key, also those that are just ending."""
    now: str


def next_step(situation: Situation, rotation: KeyRotation, grace_seconds: int) -> Step | None:
    """Return what is to be done now, None for nothing."""
    current, keys, now = situation.current, situation.keys, situation.now
    if not _is_alive(current, keys, now):
        return Make(_in_the_way(keys))
    if not situation.only_current_in_use:
        return None
    others = [each for each in keys if each.key_id != current.key_id]
    if others:
        return _end(others[0], current, now, grace_seconds)
    return Make() if is_due(current, rotation, now) else None


def is_due(current: StorageKey, rotation: KeyRotation, now: str) -> bool:
    """Return whether the key has to give way to another one."""
    due = next_rotation(current, rotation)
    return is_asked(rotation.request, current.answered) or bool(due and due <= now)


def next_rotation(current: StorageKey, rotation: KeyRotation) -> str:
    """Return the time when a new key is due by itself, "" for never."""
    return later(current.issued, rotation.every) if rotation.every and current.key_id and current.issued else ""


def _is_alive(current: StorageKey, keys: Sequence[AccessKey], now: str) -> bool:
    if not current.key_id:
        return False
    listed = [each for each in keys if each.key_id == current.key_id]
    if listed:
        # Somebody may have ended it by hand, because it leaked.
        return listed[0].active
    return bool(current.issued) and now < later(current.issued, SETTLE_SECONDS)


def _in_the_way(keys: Sequence[AccessKey]) -> str:
    """Return the key that leaves room: one that is not valid any more, or the youngest, which no pod has seen."""
    if len(keys) < MOST_KEYS:
        return ""
    return next((each.key_id for each in keys if not each.active), keys[-1].key_id)


def _end(old: AccessKey, current: StorageKey, now: str, grace_seconds: int) -> Step | None:
    if old.active:
        return Deactivate(old.key_id) if later(current.issued, grace_seconds) <= now else None
    if not current.deactivated:
        return Note()
    return Delete(old.key_id) if later(current.deactivated, grace_seconds) <= now else None
