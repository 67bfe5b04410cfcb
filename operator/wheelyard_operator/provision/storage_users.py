"""Who may use an index's place in a bucket: the seam to whoever keeps users and their keys."""

from dataclasses import dataclass
from typing import Protocol

from wheelyard_operator.problems import CREDENTIALS_READY, Problem
from wheelyard_operator.resource import PackageIndex, S3Storage


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do. What it cannot narrow is refused, never given in a wider form."""

    prefixes: bool
    """Whether a user's rights can be kept to a prefix; else they reach the whole bucket."""


@dataclass(frozen=True)
class AccessKey:
    """A key as the provider lists it."""

    key_id: str
    active: bool


@dataclass(frozen=True)
class NewKey:
    """An access key that was just made: its secret can never be read again."""

    key_id: str
    secret: str


class StorageUsers(Protocol):
    """The users of all indexes. Every method raises Problem, and can be called again after a crash."""

    def capabilities(self) -> Capabilities:
        """Tell what the provider can do."""

    def ensure(self, index: PackageIndex, storage: S3Storage) -> None:
        """Make the index's user, with rights to its place alone; not where the user is somebody else's."""

    def reaches(self, index: PackageIndex, storage: S3Storage) -> bool:
        """Return whether the index's own user has rights to exactly this place already."""

    def keys(self, index: PackageIndex) -> tuple[AccessKey, ...]:
        """Return the user's keys, oldest first."""

    def create_key(self, index: PackageIndex) -> NewKey:
        """Make another key."""

    def deactivate_key(self, index: PackageIndex, key_id: str) -> None:
        """End a key in a way that can be undone by hand."""

    def delete_key(self, index: PackageIndex, key_id: str) -> None:
        """End a key for ever."""

    def remove(self, index: PackageIndex) -> None:
        """Remove the user with all that it has. One that is somebody else's stays."""


def check_capabilities(capabilities: Capabilities, storage: S3Storage) -> None:
    """Raise Problem where the provider would have to give more than is asked for."""
    if storage.prefix and not capabilities.prefixes:
        raise Problem(
            CREDENTIALS_READY,
            "PolicyUnsupported",
            f"Users of this S3 server cannot be kept to a prefix: a key for {storage.bucket}/{storage.prefix} would"
            " reach the whole bucket. Leave spec.storage.s3.prefix empty and use a bucket for this index alone, or"
            " give the index credentials of its own (credentials.secretRef).",
        )
