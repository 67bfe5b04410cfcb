"""What the status of an index says of its storage and its credentials."""

from dataclasses import dataclass

from wheelyard_operator.condition_types import CREDENTIALS_READY, STORAGE_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest, PackageIndex, S3Storage, VolumeStorage
from wheelyard_operator.status.conditions import Condition

KEY_ROTATING = "KeyRotating"
"""Reason of CredentialsReady while the access key before has not ended."""


@dataclass(frozen=True)
class ReadyStorage:
    """Storage that can be used."""

    credentials_digest: str = ""
    """Of the access key, so that another key rolls the pods."""
    note: str = ""
    """On what the S3 server lacks."""
    kept: Problem | None = None
    """Why this index would not get it if it were new: it goes on with what it has."""
    key_issued: str = ""
    """Since when there is the access key that the operator made, RFC 3339; "" where it makes none."""
    next_rotation: str = ""
    """When the key is replaced by itself, RFC 3339, "" for never."""
    ends_a_key: bool = False
    """Whether the key before is still on its way out."""
    awaits_a_key: bool = False
    """Whether a new key is due, and waits for the end of a roll-out."""

    @property
    def rotates(self) -> bool:
        """Return whether something of the keys is to be done soon."""
        return self.ends_a_key or self.awaits_a_key


def storage_conditions(
    index: PackageIndex,
    ready: ReadyStorage | None,
    claim: Manifest | None,
    problem: Problem | None,
    *,
    serves: bool,
) -> list[Condition]:
    """Return StorageReady and CredentialsReady.

    `ready` is None where the storage was not looked at, or is not well. `serves` tells that some index server
    reaches the storage: of what the operator has no credentials for, they alone can tell.
    """
    if isinstance(index.storage, VolumeStorage):
        fine = [
            _volume(index, index.storage, claim),
            Condition(CREDENTIALS_READY, "True", "NoneNeeded", "A volume needs none."),
        ]
    else:
        fine = _bucket(index, index.storage, ready, serves=serves)
    return [_part(each, ready, problem) for each in fine]


def _bucket(
    index: PackageIndex, storage: S3Storage, ready: ReadyStorage | None, *, serves: bool
) -> list[Condition]:
    note = ready.note if ready else ""
    usable = f"Bucket {storage.bucket} can be used. {note}".strip()
    if storage.cloud_role is None:
        return [Condition(STORAGE_READY, "True", "BucketReady", usable), _key(index, storage, ready)]
    identity = f"ServiceAccount {index.child_name}"
    if not serves:
        waiting = (
            f"The operator has no credentials for it: the index servers tell, once one of them runs as {identity}."
        )
        return [
            Condition(STORAGE_READY, "Unknown", "NotChecked", waiting),
            Condition(CREDENTIALS_READY, "Unknown", "NotChecked", waiting),
        ]
    return [
        Condition(STORAGE_READY, "True", "BucketReady", usable),
        Condition(
            CREDENTIALS_READY, "True", "ServiceAccountHasRole", f"{identity} has a role that reaches the bucket."
        ),
    ]


def _key(index: PackageIndex, storage: S3Storage, ready: ReadyStorage | None) -> Condition:
    has = f"Secret {index.storage_secret_name} has the access key"
    if not storage.provision_user:
        return Condition(CREDENTIALS_READY, "True", "SecretFound", f"{has}.")
    if ready and ready.ends_a_key:
        message = f"{has}, for this bucket and prefix alone. The key before ends once no index server uses it."
        return Condition(CREDENTIALS_READY, "True", KEY_ROTATING, message)
    return Condition(CREDENTIALS_READY, "True", "KeyIssued", f"{has}, for this bucket and prefix alone.")


def _volume(index: PackageIndex, storage: VolumeStorage, claim: Manifest | None) -> Condition:
    phase = (claim or {}).get("status", {}).get("phase", "")
    if phase == "Bound":
        return Condition(
            STORAGE_READY, "True", "VolumeBound", f"Volume claim {index.child_name} has {storage.size}."
        )
    if phase == "Lost":
        message = f"The volume of claim {index.child_name} is gone: restore it, or delete the claim to begin anew."
        return Condition(STORAGE_READY, "False", "VolumeLost", message)
    message = f"Volume claim {index.child_name} waits for a volume: see kubectl describe pvc {index.child_name}."
    return Condition(STORAGE_READY, "Unknown", "VolumePending", message)


def _part(fine: Condition, ready: ReadyStorage | None, problem: Problem | None) -> Condition:
    if problem is not None and problem.condition == fine.type:
        return Condition(fine.type, "False", problem.reason, problem.message)
    if ready is not None:
        return fine
    why = f"{problem.condition} is False" if problem else "the index is being deleted"
    if problem is not None and problem.condition not in {STORAGE_READY, CREDENTIALS_READY}:
        why = problem.message
    return Condition(fine.type, "Unknown", "NotChecked", f"Not checked: {why}.".replace("..", "."))
