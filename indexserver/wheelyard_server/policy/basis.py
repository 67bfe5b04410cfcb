"""The basis of verdicts: everything that they depend on, except for documents and the time."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from wheelyard_server.policy.advisories import NO_ADVISORIES, Advisories, Advisory
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

    def advisories_about(
        self, name: str, version: str, digests: Iterable[str], *, is_own: bool
    ) -> tuple[Advisory, ...]:
        """Return the advisories about files of a version: by digest for all, by name for those of upstreams only.

        A project of this index's own (`is_own`) may have the name of a public one, and a private
        name is never matched.
        """
        is_matched = not is_own and not self.policy.is_private(name)
        by_name = self.advisories.concerning(name, version) if is_matched else ()
        by_digest = (found for each in digests if (found := self.advisories.malware_with(each)) is not None)
        return tuple({each.id: each for each in (*by_name, *by_digest)}.values())


NO_BASIS = Basis()
