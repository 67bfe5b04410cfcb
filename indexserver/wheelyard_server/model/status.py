"""The status of a project (PEP 792)."""

from enum import StrEnum


class Status(StrEnum):
    """The status markers of PEP 792.

    https://packaging.python.org/en/latest/specifications/project-status-markers/
    """

    ACTIVE = "active"
    ARCHIVED = "archived"
    """Accepts no uploads; installs as usual."""
    QUARANTINED = "quarantined"
    """Accepts no uploads and offers no files."""
    DEPRECATED = "deprecated"
    """Accepts uploads and installs as usual; tools may warn."""

    @property
    def takes_uploads(self) -> bool:
        """Return whether files may be added."""
        return self in (Status.ACTIVE, Status.DEPRECATED)

    @property
    def offers_files(self) -> bool:
        """Return whether files may be listed and downloaded."""
        return self is not Status.QUARANTINED
