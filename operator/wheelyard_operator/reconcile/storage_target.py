"""The storage that one reconciliation prepares: as it was observed, and its Secret."""

from dataclasses import dataclass

from wheelyard_operator.condition_types import CREDENTIALS_READY
from wheelyard_operator.desired.common import decoded
from wheelyard_operator.desired.storage_secret import (
    KEY_ID,
    KEY_SECRET,
    SESSION_TOKEN,
    StorageKey,
    credentials_digest,
    storage_secret,
)
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.clients import Credentials
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.resource import Manifest, PackageIndex, S3Storage


@dataclass(frozen=True)
class StorageTarget:
    """An index with its storage in S3. Nothing in it changes while steps are executed."""

    observed: ObservedIndex
    storage: S3Storage
    children: Children

    @property
    def index(self) -> PackageIndex:
        """The index."""
        return self.observed.index

    @property
    def credentials_digest(self) -> str:
        """The digest of the credentials that were observed."""
        return credentials_digest(self.storage, self.observed.storage_secret)

    def restore_secret(self) -> None:
        """Undo manual changes of the Secret that the operator wrote; raise Problem.

        After this it is only written with another key.
        """
        secret = self.observed.storage_secret
        if secret is None or not self.storage.provision_user:
            return
        self.children.check_owned(secret, CREDENTIALS_READY)
        key = StorageKey.parse(secret)
        if key.key_id:
            self.write(key)

    def write(self, key: StorageKey) -> Manifest:
        """Write the Secret with a key; return it as it is now."""
        return self.children.ensure(storage_secret(self.index, key), CREDENTIALS_READY)

    def check_writable(self, key: StorageKey) -> None:
        """Raise what `write` would raise; nothing is written."""
        self.children.would_ensure(storage_secret(self.index, key), CREDENTIALS_READY)

    def given_credentials(self) -> Credentials:
        """Return the keys in the Secret that the index names; raise Problem."""
        name, secret = self.index.storage_secret_name, self.observed.storage_secret
        if secret is None:
            raise Problem(
                CREDENTIALS_READY,
                "SecretNotFound",
                f"Secret {name} does not exist in namespace {self.index.meta.namespace}: create it with the"
                f" keys {KEY_ID} and {KEY_SECRET}.",
            )
        missing = [key for key in (KEY_ID, KEY_SECRET) if not decoded(secret, key)]
        if missing:
            raise Problem(
                CREDENTIALS_READY,
                "SecretKeyMissing",
                f"Secret {name} has no {' and no '.join(missing)}: add what is missing.",
            )
        return key_in(secret)


def key_in(secret: Manifest) -> Credentials:
    """Return the access key in a Secret; what it does not have is ""."""
    return Credentials(decoded(secret, KEY_ID), decoded(secret, KEY_SECRET), decoded(secret, SESSION_TOKEN))
