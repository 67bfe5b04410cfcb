"""Executes the rotation of an index's access key, step by step, and returns the Secret it wrote."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from wheelyard_operator.desired.requests import with_answer
from wheelyard_operator.desired.storage_secret import StorageKey, credentials_digest
from wheelyard_operator.provision.storage_users import StorageUsers, check_capabilities
from wheelyard_operator.reconcile.access_key_rotation import (
    CreateKey,
    DeactivateKey,
    DeleteKey,
    KeyState,
    RecordDeactivation,
    Step,
    is_due,
    next_rotation,
    next_step,
)
from wheelyard_operator.reconcile.storage_target import StorageTarget
from wheelyard_operator.resource import Manifest
from wheelyard_operator.status.rollout import runs_with_credentials
from wheelyard_operator.status.storage import ReadyStorage

_MAX_STEPS = 4


@dataclass(frozen=True)
class AccessKeys:
    """Gives indexes their users and keys."""

    users: StorageUsers
    grace_seconds: int
    now: Callable[[], str]
    """RFC 3339."""

    def keep(self, target: StorageTarget, ready: ReadyStorage) -> ReadyStorage:
        """Return the storage with the key that is in force; raise Problem.

        Each step is recorded before the next one is decided, so a crash between any two loses
        nothing.
        """
        check_capabilities(self.users.capabilities(), target.storage)
        self.users.ensure(target.index, target.storage)
        secret = target.observed.storage_secret
        for _ in range(_MAX_STEPS):
            state = self._state(target, secret)
            step = next_step(state, target.storage.rotation, self.grace_seconds)
            if step is None:
                break
            secret = self._execute(step, state, target) or secret
        return _with_key(ready, target, secret, state)

    def _state(self, target: StorageTarget, secret: Manifest | None) -> KeyState:
        now, observed = self.now(), target.observed
        digest = credentials_digest(target.storage, secret)
        return KeyState(
            current=StorageKey.parse(secret or {}),
            keys=self.users.keys(target.index),
            only_current_in_use=runs_with_credentials(digest, observed.deployment, observed.pods),
            now=now,
        )

    def _execute(self, step: Step, state: KeyState, target: StorageTarget) -> Manifest | None:
        """Execute a step; return the Secret if it was written."""
        match step:
            case CreateKey():
                return self._create(step, state, target)
            case RecordDeactivation():
                return target.write(replace(state.current, deactivated=state.now))
            case DeactivateKey():
                self.users.deactivate_key(target.index, step.key_id)
            case DeleteKey():
                self.users.delete_key(target.index, step.key_id)
        return None

    def _create(self, step: CreateKey, state: KeyState, target: StorageTarget) -> Manifest:
        answered = with_answer(target.storage.rotation.request, state.current.answered)
        key = StorageKey("to be made", "to be made", issued=state.now, answered=answered)
        # A key that cannot be written would be lost, and each retry would create another one.
        target.check_writable(key)
        if step.in_the_way:
            self.users.delete_key(target.index, step.in_the_way)
        made = self.users.create_key(target.index)
        return target.write(replace(key, key_id=made.key_id, secret=made.secret))


def _with_key(ready: ReadyStorage, target: StorageTarget, secret: Manifest | None, state: KeyState) -> ReadyStorage:
    key, rotation = StorageKey.parse(secret or {}), target.storage.rotation
    return replace(
        ready,
        credentials_digest=credentials_digest(target.storage, secret),
        key_issued=key.issued,
        next_rotation=next_rotation(key, rotation),
        has_previous_key=len(state.keys) > 1,
        rotation_waits=is_due(key, rotation, state.now),
    )
