"""The parts of OSV's format (schema 1.7) that count here. Everything else in a record is skipped.

https://ossf.github.io/osv-schema. All records are read leniently: a field of another type than the
schema's makes that record unreadable, not the feed.
"""

from datetime import datetime

import msgspec


class OsvEvent(msgspec.Struct, frozen=True):
    """A change of a range; one of the fields."""

    introduced: str = ""
    fixed: str = ""
    last_affected: str = ""
    limit: str = ""


class OsvRange(msgspec.Struct, frozen=True):
    """A range of versions, or of commits."""

    type: str = ""
    events: list[OsvEvent] | None = None


class OsvPackage(msgspec.Struct, frozen=True):
    """The project that is affected."""

    ecosystem: str = ""
    name: str = ""


class OsvSeverity(msgspec.Struct, frozen=True):
    """A score."""

    type: str = ""
    score: str = ""


class OsvAffected(msgspec.Struct, frozen=True):
    """The affected versions of one project."""

    package: OsvPackage | None = None
    severity: list[OsvSeverity] | None = None
    ranges: list[OsvRange] | None = None
    versions: list[str] | None = None
    database_specific: object = None


class OsvRecord(msgspec.Struct, frozen=True):
    """One record."""

    id: str
    modified: datetime
    published: datetime | None = None
    withdrawn: datetime | None = None
    aliases: list[str] | None = None
    summary: str | None = None
    severity: list[OsvSeverity] | None = None
    affected: list[OsvAffected] | None = None
    database_specific: object = None
