"""The interface to providers of users and access keys, each user for one location in a bucket."""

from dataclasses import dataclass
from typing import Protocol

from wheelyard_operator.condition_types import CREDENTIALS_READY
from wheelyard_operator.problems import Problem
from wheelyard_operator.resource import PackageIndex, S3Storage


@dataclass(frozen=True)
class Capabilities:
    """The abilities of a provider.

    Rights that it cannot narrow are refused, never granted in a wider form.
    """

    prefixes: bool
    """Whether a user's rights can be limited to a prefix; otherwise they reach the whole bucket."""


@dataclass(frozen=True)
class AccessKey:
    """A key in the provider's list."""

    key_id: str
    active: bool


@dataclass(frozen=True)
class NewKey:
    """A new access key: its secret can never be read again."""

    key_id: str
    secret: str


class StorageUsers(Protocol):
    """The users of all indexes.

    Every method raises Problem, and can be called again after a crash.
    """

    def capabilities(self) -> Capabilities:
        """Return the abilities of the provider."""

    def ensure(self, index: PackageIndex, storage: S3Storage) -> None:
        """Create the index's user, with rights to its location alone.

        Refuse a user of someone else.
        """

    def reaches(self, index: PackageIndex, storage: S3Storage) -> bool:
        """Return whether the index's own user already has rights to exactly this location."""

    def keys(self, index: PackageIndex) -> tuple[AccessKey, ...]:
        """Return the user's keys, oldest first."""

    def create_key(self, index: PackageIndex) -> NewKey:
        """Create another key."""

    def deactivate_key(self, index: PackageIndex, key_id: str) -> None:
        """Deactivate a key, which can be undone manually."""

    def delete_key(self, index: PackageIndex, key_id: str) -> None:
        """Delete a key permanently."""

    def remove(self, index: PackageIndex) -> None:
        """Remove the user with its keys and policy. A user of someone else stays."""


def check_capabilities(capabilities: Capabilities, storage: S3Storage) -> None:
    """Raise Problem if the provider would have to grant more than is requested."""
    if storage.prefix and not capabilities.prefixes:
        raise Problem(
            CREDENTIALS_READY,
            "PolicyUnsupported",
            f"Users of this S3 server cannot be limited to a prefix: a key for {storage.bucket}/{storage.prefix}"
            " would reach the whole bucket. Leave spec.storage.s3.prefix empty and use a bucket for this index"
            " alone, or give the index credentials of its own (credentials.secretRef).",
        )
