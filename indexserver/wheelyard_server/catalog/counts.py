"""Counters of the catalog: plain numbers, since a lock for each would cost more than an answer."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from wheelyard_server.events import NO_EVENTS, Events


class Source(StrEnum):
    """The source of a file's bytes."""

    MEMORY = "memory"
    DISK = "disk"
    """A local disk: the cache or a storage folder."""
    STORAGE = "storage"
    SHARED = "shared"
    """Another client's read of the storage, on its way to the cache."""
    REDIRECT = "redirect"
    """None: the client was redirected to the storage."""
    UPSTREAM = "upstream"
    """An upstream."""


class MirrorEvent(StrEnum):
    """What happened to the bytes of upstreams."""

    FETCHED = "fetched"
    """A whole file came from an upstream, and was right."""
    WRONG_BYTES = "wrong_bytes"
    """A whole file came, and was not the one that the upstream lists."""
    KEPT = "kept"
    """A file or a small object was stored."""
    BOUND_REACHED = "bound_reached"
    """It was not stored: `limits.mirroredBytes` is reached."""
    NOT_STORED = "not_stored"
    """It was not stored: the storage failed, or refuses writes."""
    METADATA_EXTRACTED = "metadata_extracted"
    """The core metadata of a wheel was read from the wheel, since the upstream has none."""
    METADATA_REPLACED = "metadata_replaced"
    """The upstream's core metadata differs from that in the wheel, or from its own digest."""


class KeptSize(NamedTuple):
    """The size of all kept bytes of upstreams, and its bound."""

    size: int | None
    """In bytes; None before it was measured."""
    max_size: int | None
    """In bytes; None is unlimited."""


@dataclass(slots=True)
class MirrorCounts:
    """Counts of mirrors, by the name of the upstream, since the process started."""

    made: Counter[str] = field(default_factory=Counter)
    """Mirrors that this replica has made."""
    owners_changed: Counter[str] = field(default_factory=Counter)
    """Mirrors whose name belonged to another upstream before, by the new one."""
    conflicts: Counter[str] = field(default_factory=Counter)
    """Files for which an upstream lists other bytes than before."""
    gone: Counter[str] = field(default_factory=Counter)
    """Files that an upstream no longer lists."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Entries of pages that are no files of their project, or cannot be used."""
    stale_reads: int = 0
    """Pages that were served although their upstream does not answer."""


class UsedException(NamedTuple):
    """How often an exception has let files in."""

    times: int
    last: datetime
    """UTC."""


@dataclass(slots=True)
class DecisionCounts:
    """Counts of verdicts that concerned a request, since the process started."""

    by_rule: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Refusals and reports, by rule and action (Block or Report)."""
    exceptions: dict[str, UsedException] = field(default_factory=dict)
    """Uses of exceptions, by their reasons."""


@dataclass(slots=True)
class Counts:
    """Counts since the process started, and the receiver of events."""

    page_reads: int = 0
    """Requests that read a project."""
    revalidations: int = 0
    """Reads of a document from the storage, for requests or changes."""
    conflicts: int = 0
    """Changes of a document that were repeated because another writer was faster."""
    mirrors: MirrorCounts = field(default_factory=MirrorCounts)
    file_reads: Counter[Source] = field(default_factory=Counter)
    mirrored: Counter[MirrorEvent] = field(default_factory=Counter)
    decisions: DecisionCounts = field(default_factory=DecisionCounts)
    events: Events = NO_EVENTS
