"""The basis of verdicts: everything that they depend on, except for documents and the time."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from wheelyard_server.policy.advisories import NO_ADVISORIES, Advisories
from wheelyard_server.policy.file_policy import NO_UPSTREAMS, FilePolicy
from wheelyard_server.policy.quarantine import NO_QUARANTINE, Quarantine, QuarantinedFiles


@dataclass(frozen=True)
class Basis:
    """A value that never changes: compare by identity on the hot path, by `revision` elsewhere."""

    policy: FilePolicy = NO_UPSTREAMS
    advisories: Advisories = NO_ADVISORIES
    quarantine: Quarantine = NO_QUARANTINE

    @cached_property
    def quarantined(self) -> QuarantinedFiles:
        """Return the quarantine by project and by digest."""
        return QuarantinedFiles(self.quarantine)

    @cached_property
    def revision(self) -> str:
        """Return a digest that differs for each basis: part of cache keys and ETags, equal on all replicas."""
        parts = (self.policy.revision, self.advisories.revision, repr(self.quarantine.entries))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


NO_BASIS = Basis()
