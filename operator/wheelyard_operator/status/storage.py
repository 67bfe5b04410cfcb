"""The conditions StorageReady and CredentialsReady of an index."""

from dataclasses import dataclass

from wheelyard_operator.condition_types import CREDENTIALS_READY, STORAGE_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import Manifest, PackageIndex, S3Storage, VolumeStorage
from wheelyard_operator.status.conditions import Condition

KEY_ROTATING = "KeyRotating"
"""Reason of CredentialsReady while the previous access key still exists."""


@dataclass(frozen=True)
class ReadyStorage:
    """Storage that is ready to use."""

    credentials_digest: str = ""
    """Digest of the access key: another key replaces the pods."""
    note: str = ""
    """Names the features that the S3 server lacks."""
    tolerated: Problem | None = None
    """Why a new index would not get this storage, which this index keeps."""
    key_issued: str = ""
    """When the operator created the access key, RFC 3339; "" if it manages no key."""
    next_rotation: str = ""
    """When the key is rotated automatically, RFC 3339; "" for never."""
    has_previous_key: bool = False
    """Whether the previous key still exists."""
    rotation_waits: bool = False
    """Whether a rotation is due, and waits for the end of a rollout."""

    @property
    def is_rotating(self) -> bool:
        """Return whether a step of a key rotation is due soon."""
        return self.has_previous_key or self.rotation_waits


def storage_conditions(
    index: PackageIndex,
    ready: ReadyStorage | None,
    claim: Manifest | None,
    problem: Problem | None,
    *,
    serves: bool,
) -> list[Condition]:
    """Return StorageReady and CredentialsReady.

    `ready` is None if the storage was not checked or is not ready. `serves` is whether an index
    server reaches the storage: only servers can check storage that the operator has no credentials
    for.
    """
    if isinstance(index.storage, VolumeStorage):
        conditions = [
            _volume(index, index.storage, claim),
            Condition(CREDENTIALS_READY, "True", "NoneNeeded", "A volume needs no credentials."),
        ]
    else:
        conditions = _bucket(index, index.storage, ready, serves=serves)
    return [_with_problem(each, ready, problem) for each in conditions]


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
            "The operator has no credentials for this bucket; the index servers check it once they run as"
            f" {identity}."
        )
        return [
            Condition(STORAGE_READY, "Unknown", "NotChecked", waiting),
            Condition(CREDENTIALS_READY, "Unknown", "NotChecked", waiting),
        ]
    return [
        Condition(STORAGE_READY, "True", "BucketReady", usable),
        Condition(
            CREDENTIALS_READY,
            "True",
            "ServiceAccountHasRole",
            f"{identity} has a cloud role that can use the bucket.",
        ),
    ]


def _key(index: PackageIndex, storage: S3Storage, ready: ReadyStorage | None) -> Condition:
    contains = f"Secret {index.storage_secret_name} contains the access key"
    if not storage.provision_user:
        return Condition(CREDENTIALS_READY, "True", "SecretFound", f"{contains}.")
    if ready and ready.has_previous_key:
        message = (
            f"{contains}, limited to this bucket and prefix. The previous key is deleted once no index server uses"
            " it."
        )
        return Condition(CREDENTIALS_READY, "True", KEY_ROTATING, message)
    return Condition(CREDENTIALS_READY, "True", "KeyIssued", f"{contains}, limited to this bucket and prefix.")


def _volume(index: PackageIndex, storage: VolumeStorage, claim: Manifest | None) -> Condition:
    phase = (claim or {}).get("status", {}).get("phase", "")
    if phase == "Bound":
        return Condition(
            STORAGE_READY, "True", "VolumeBound", f"Volume claim {index.child_name} is bound, with {storage.size}."
        )
    if phase == "Lost":
        message = f"The volume of claim {index.child_name} is lost: restore it, or delete the claim to start empty."
        return Condition(STORAGE_READY, "False", "VolumeLost", message)
    message = (
        f"Volume claim {index.child_name} is waiting for a volume: see kubectl describe pvc {index.child_name}."
    )
    return Condition(STORAGE_READY, "Unknown", "VolumePending", message)


def _with_problem(condition: Condition, ready: ReadyStorage | None, problem: Problem | None) -> Condition:
    if problem is not None and problem.condition == condition.type:
        return Condition(condition.type, "False", problem.reason, problem.message)
    if ready is not None:
        return condition
    why = f"{problem.condition} is False" if problem else "the index is being deleted"
    if problem is not None and problem.condition not in {STORAGE_READY, CREDENTIALS_READY}:
        why = problem.message
    return Condition(condition.type, "Unknown", "NotChecked", f"Not checked: {why}.".replace("..", "."))
