"""A file as pages show it, uploaded here or mirrored."""

from datetime import datetime
from typing import Protocol


class OfferedFile(Protocol):
    """The fields that pages need of a file, uploaded here (`File`) or mirrored (`MirroredFile`)."""

    @property
    def filename(self) -> str:
        """Return its name, which is unique in the project."""
        ...

    @property
    def version(self) -> str:
        """Return the canonical version; "" if the filename has none."""
        ...

    @property
    def sha256(self) -> str:
        """Return the digest of the whole file; "" if it is unknown."""
        ...

    @property
    def size(self) -> int | None:
        """Return the size in bytes; None if it is unknown."""
        ...

    @property
    def requires_python(self) -> str | None:
        """Return the Python versions that it is for (PEP 503)."""
        ...

    @property
    def yanked(self) -> str | None:
        """Return the reason why it is yanked, possibly empty; None if it is not yanked."""
        ...

    @property
    def core_metadata_sha256(self) -> str | None:
        """Return the digest of the core metadata; "" if it is unknown, None if there is no core metadata."""
        ...

    @property
    def is_wheel(self) -> bool:
        """Return whether this is a wheel."""
        ...

    @property
    def has_provenance(self) -> bool:
        """Return whether there is a provenance object (PEP 740)."""
        ...

    @property
    def published(self) -> datetime | None:
        """Return when it was published, or else first seen by this index, in UTC."""
        ...
