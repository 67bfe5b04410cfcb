"""Releases and files that a person has quarantined by hand, as a value."""

from collections.abc import Sequence
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


class QuarantinedFiles:
    """The entries by project and by digest."""

    def __init__(self, quarantine: Quarantine) -> None:
        self.by_digest = {each.sha256: each for each in quarantine.entries if each.sha256}
        self._by_project: dict[str, list[Quarantined]] = {}
        for entry in sorted(quarantine.entries, key=lambda entry: bool(entry.version)):
            if entry.project:
                self._by_project.setdefault(entry.project, []).append(entry)

    def of(self, project: str) -> Sequence[Quarantined]:
        """Return the entries of a project, those of all versions first."""
        return self._by_project.get(project, ())


NO_QUARANTINE = Quarantine()
