"""The pointer: which advisories are in force, where they come from, and who fetches the next."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from wheelyard_server.errors import ObjectNotFoundError
from wheelyard_server.storage import ETag, Storage, layout


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    pass


class Amount(_Part, frozen=True, kw_only=True):
    """How much a feed has."""

    records: int = 0
    """Number of records that are not withdrawn."""
    malware: int = 0
    """Number of those that are reports of malware."""
    changed: datetime | None = None
    """The last change of a record, in UTC."""


class Waiting(_Part, frozen=True, kw_only=True):
    """An export that takes away more than it may without a person's consent."""

    reason: str
    since: datetime
    amount: Amount


class Failure(_Part, frozen=True, kw_only=True):
    """Why the feed cannot be read."""

    reason: str
    since: datetime


class Claim(_Part, frozen=True, kw_only=True):
    """A server that fetches."""

    by: str
    until: datetime


class Pointer(_Part, frozen=True, kw_only=True):
    """The content of `advisories/current.json`."""

    base: str = ""
    """SHA-256 of the object with all advisories; "" if there never were any."""
    changes: str = ""
    """SHA-256 of the object with those of the projects that have changed since; "" if none has."""
    source: str = ""
    """The feed, or the name of the user who loaded an export."""
    amount: Amount = Amount()
    """The advisories in force."""
    reference: Amount = Amount()
    """The advisories of the last export: what is taken away since then is compared with it."""
    accepted: Amount | None = None
    """The least that a person has accepted."""
    in_force: datetime | None = None
    """When the advisories last changed here."""
    shown: datetime | None = None
    """When the feed last showed something new."""
    tried: datetime | None = None
    """When the feed was last asked."""
    checked: datetime | None = None
    """When the feed last answered."""
    exported: datetime | None = None
    """When an export was last read; None: the next one is due."""
    export_etag: str = ""
    listing_etag: str = ""
    unreadable: int = 0
    """Number of records of the last export that cannot be read."""
    waiting: Waiting | None = None
    failure: Failure | None = None
    claim: Claim | None = None

    @property
    def revision(self) -> str:
        """Return a text that differs for each state of the advisories."""
        return f"{self.base[:16]}{self.changes[:16]}"

    @property
    def digests(self) -> tuple[str, ...]:
        """Return the digests of the objects, the latest changes first."""
        return tuple(each for each in (self.changes, self.base) if each)

    def replace(self, **fields: object) -> "Pointer":
        """Return a copy with other values in some fields."""
        return msgspec.structs.replace(self, **fields)


class StoredPointer(NamedTuple):
    """A pointer as it was read."""

    pointer: Pointer
    etag: ETag | None
    """None if there is none in the storage."""
    is_damaged: bool = False
    """Whether it cannot be read, so that the advisories that were in force are unknown."""


NO_POINTER = StoredPointer(Pointer(), None)


async def read(storage: Storage) -> StoredPointer:
    """Return the pointer; raise `StorageUnavailableError`."""
    try:
        body, etag = await storage.read(layout.CURRENT_ADVISORIES)
    except ObjectNotFoundError:
        return NO_POINTER
    try:
        return StoredPointer(msgspec.json.decode(body, type=Pointer), etag)
    except msgspec.MsgspecError:
        return StoredPointer(Pointer(), etag, is_damaged=True)


async def write(storage: Storage, pointer: Pointer, expected: ETag | None) -> StoredPointer:
    """Write the pointer and return it; raise `PreconditionFailedError` if another one is there."""
    etag = await storage.write(layout.CURRENT_ADVISORIES, msgspec.json.encode(pointer), expected=expected)
    return StoredPointer(pointer, etag)
