"""What the catalog counts: plain numbers, since a lock for each would cost more than the answer."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Source(StrEnum):
    """Where the bytes of a file came from."""

    MEMORY = "memory"
    DISK = "disk"
    """Of this machine: the cache, or a storage folder."""
    STORAGE = "storage"
    SHARED = "shared"
    """From the storage for somebody else, and on their way to the cache."""
    REDIRECT = "redirect"
    """Not from us: the client was sent to the storage."""


@dataclass(slots=True)
class Counts:
    """Since the process began."""

    page_reads: int = 0
    """Requests that looked at a project."""
    revalidations: int = 0
    """How often that, or a change, asked the storage for a document."""
    conflicts: int = 0
    """Changes of a document that another writer was faster than, so that they were made again."""
    file_reads: Counter[Source] = field(default_factory=Counter)
