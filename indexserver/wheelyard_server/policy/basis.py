"""The basis of verdicts: everything that they depend on, except for documents and the time."""

from dataclasses import dataclass
from functools import cached_property

from wheelyard_server.policy.advisories import NO_ADVISORIES, Advisories
from wheelyard_server.policy.file_policy import NO_UPSTREAMS, FilePolicy
from wheelyard_server.policy.quarantine import NO_QUARANTINE, Quarantine, QuarantinedFiles


@dataclass(frozen=True)
class Basis:
    """A value that never changes: compare it by identity."""

    policy: FilePolicy = NO_UPSTREAMS
    advisories: Advisories = NO_ADVISORIES
    quarantine: Quarantine = NO_QUARANTINE

    @cached_property
    def quarantined(self) -> QuarantinedFiles:
        """Return the quarantine by project and by digest."""
        return QuarantinedFiles(self.quarantine)


NO_BASIS = Basis()
