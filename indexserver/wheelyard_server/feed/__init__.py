"""Feeds of advisories in the format of OSV: fetches them and reads their records.

https://ossf.github.io/osv-schema. This package keeps nothing and decides nothing:
`catalog/advisories/` decides which records are in force. It raises `FeedError`, which never means
that an advisory does not exist.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from wheelyard_server.policy.advisories import Advisory, packed_one, unpacked_one


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What one record says."""

    id: str
    modified: datetime
    """UTC."""
    packed: Mapping[str, bytes] = {}
    """Its advisories by normalized name, as `packed_one` has them: a feed has tens of thousands of records.
    Empty if it is withdrawn, or concerns no project of PyPI."""
    is_malware: bool = False
    is_odd: bool = False
    """Whether parts of it cannot be read, such as a version that is no version."""

    @classmethod
    def of(
        cls, identifier: str, modified: datetime, advisories: Mapping[str, Advisory], *, is_odd: bool = False
    ) -> "Record":
        """Return a record with these advisories."""
        is_malware = any(each.is_malware for each in advisories.values())
        packed = {name: packed_one(each) for name, each in advisories.items()}
        return cls(id=identifier, modified=modified, packed=packed, is_malware=is_malware, is_odd=is_odd)

    @property
    def advisories(self) -> Mapping[str, Advisory]:
        """Return what it says, by normalized name."""
        return {name: unpacked_one(body) for name, body in self.packed.items()}


class Export(NamedTuple):
    """All records of a feed."""

    records: Mapping[str, Record]
    """By id."""
    unreadable: frozenset[str]
    """Ids of the records that are left out, because they cannot be read."""
    etag: str = ""
    """The ETag of the answer that it came with; "" if there was no ETag."""
    shown: datetime | None = None
    """When the feed showed it (`Last-Modified`), in UTC; None if it does not say."""


class Listing(NamedTuple):
    """The ids of all records of a feed, and when each was last changed."""

    modified: Mapping[str, datetime]
    """UTC, by id."""
    etag: str = ""
    shown: datetime | None = None


class Feed(Protocol):
    """A feed of advisories. Calls are made one after the other."""

    source: str
    """What people call it: `osv`, or the URL or path of the settings."""

    async def export(self, etag: str = "") -> Export | None:
        """Return all records; None if the ETag of the export is still `etag`. Raises `FeedError`."""
        ...

    async def listing(self, etag: str = "") -> Listing | None:
        """Return the ids of all records; None if its ETag is still `etag`.

        Raises `NoListingError` if the feed has exports only, and `FeedError`.
        """
        ...

    async def record(self, identifier: str) -> Record | None:
        """Return one record; None if the feed no longer has it, or it cannot be read. Raises `FeedError`."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
