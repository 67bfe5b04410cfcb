"""Counters of the catalog: plain numbers, since a lock for each would cost more than an answer."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


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


@dataclass(slots=True)
class Counts:
    """Counts since the process started."""

    page_reads: int = 0
    """Requests that read a project."""
    revalidations: int = 0
    """Reads of a document from the storage, for requests or changes."""
    conflicts: int = 0
    """Changes of a document that were repeated because another writer was faster."""
    file_reads: Counter[Source] = field(default_factory=Counter)
