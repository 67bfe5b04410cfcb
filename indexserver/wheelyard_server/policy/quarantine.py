"""Releases and files that a person has quarantined by hand, as a value."""

from datetime import datetime

from wheelyard_server.model.part import Part


class Quarantined(Part, frozen=True):
    """One entry: a project, versions of it, or a file. It holds until it is lifted."""

    reason: str
    by: str
    """The user's name."""
    at: datetime
    """UTC."""
    project: str = ""
    """Normalized name; "" if `sha256` is set."""
    version: str = ""
    """Canonical version (PEP 440); "" is all of them."""
    sha256: str = ""
    """Digest of a file, whatever its project."""


class Quarantine(Part, frozen=True):
    """All entries, the last one last."""

    entries: tuple[Quarantined, ...] = ()


NO_QUARANTINE = Quarantine()
