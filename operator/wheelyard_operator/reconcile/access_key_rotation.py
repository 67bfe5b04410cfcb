"""Decides when an index gets a new access key, and when the previous one ends.

Pure rules, step by step.

A new key, its Secret, a roll-out; and once no pod has the old key: grace, deactivate it, grace,
delete it. The result of each step can be observed, so a crash between any two loses nothing, and
there are never more than two keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from wheelyard_operator.desired.requests import is_asked
from wheelyard_operator.desired.storage_secret import StorageKey
from wheelyard_operator.provision.storage_users import AccessKey
from wheelyard_operator.resource.storage import KeyRotation
from wheelyard_operator.times import later

MAX_KEYS = 2
"""AWS allows no more for a user."""
SETTLE_SECONDS = 60
"""How long a new key may be missing from AWS's list."""


@dataclass(frozen=True)
class CreateKey:
    """Create a key and write it to the Secret."""

    in_the_way: str = ""
    """The key to delete first to make room, "" for none."""


@dataclass(frozen=True)
class DeactivateKey:
    """Deactivate the previous key."""

    key_id: str


@dataclass(frozen=True)
class RecordDeactivation:
    """Write to the Secret that the previous key has been deactivated now."""


@dataclass(frozen=True)
class DeleteKey:
    """Delete the previous key."""

    key_id: str


Step = CreateKey | DeactivateKey | RecordDeactivation | DeleteKey


@dataclass(frozen=True)
class KeyState:
    """The keys of an index, and where they are in use."""

    current: StorageKey
    """As the Secret has it."""
    keys: Sequence[AccessKey]
    """As the provider lists them, oldest first."""
    only_current_in_use: bool
    """Whether every pod has the current key, also those that are just ending."""
    now: str


def next_step(state: KeyState, rotation: KeyRotation, grace_seconds: int) -> Step | None:
    """Return the next step, None if nothing is due."""
    current, keys, now = state.current, state.keys, state.now
    if not _is_alive(current, keys, now):
        return CreateKey(_in_the_way(keys))
    if not state.only_current_in_use:
        return None
    others = [each for each in keys if each.key_id != current.key_id]
    if others:
        return _end(others[0], current, now, grace_seconds)
    return CreateKey() if is_due(current, rotation, now) else None


def is_due(current: StorageKey, rotation: KeyRotation, now: str) -> bool:
    """Return whether the key must be rotated."""
    due = next_rotation(current, rotation)
    return is_asked(rotation.request, current.answered) or bool(due and due <= now)


def next_rotation(current: StorageKey, rotation: KeyRotation) -> str:
    """Return the time when the next rotation is scheduled, "" for never."""
    return later(current.issued, rotation.every) if rotation.every and current.key_id and current.issued else ""


def _is_alive(current: StorageKey, keys: Sequence[AccessKey], now: str) -> bool:
    if not current.key_id:
        return False
    listed = [each for each in keys if each.key_id == current.key_id]
    if listed:
        # Someone may have deactivated it manually because it leaked.
        return listed[0].active
    return bool(current.issued) and now < later(current.issued, SETTLE_SECONDS)


def _in_the_way(keys: Sequence[AccessKey]) -> str:
    """Return the key to delete for room.

    An inactive one, or the newest, which no pod has seen. "" for none.
    """
    if len(keys) < MAX_KEYS:
        return ""
    return next((each.key_id for each in keys if not each.active), keys[-1].key_id)


def _end(old: AccessKey, current: StorageKey, now: str, grace_seconds: int) -> Step | None:
    if old.active:
        return DeactivateKey(old.key_id) if later(current.issued, grace_seconds) <= now else None
    if not current.deactivated:
        return RecordDeactivation()
    return DeleteKey(old.key_id) if later(current.deactivated, grace_seconds) <= now else None
