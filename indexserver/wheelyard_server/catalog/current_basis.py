"""The basis of verdicts that is in force. Its parts change while the server runs, each by a whole new value."""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

import msgspec

from wheelyard_server.policy.advisories import Advisories
from wheelyard_server.policy.basis import NO_BASIS, Basis
from wheelyard_server.policy.file_policy import NO_UPSTREAMS, FilePolicy
from wheelyard_server.policy.quarantine import Quarantine
from wheelyard_server.settings.policy import PolicyFile, PolicyRules
from wheelyard_server.settings.upstreams import Names


class CurrentBasis:
    """Holds the basis in force: a request asks for it at the moment of its answer and never keeps it."""

    def __init__(self, configured: FilePolicy = NO_UPSTREAMS, basis: Basis = NO_BASIS) -> None:
        """Take the upstreams and private names of `index.yaml`, which every policy file has in addition."""
        self._configured = configured
        self._lock = Lock()
        self.value = replace(basis, policy=configured)
        """The basis in force. Compare it by identity on the hot path: it is another object after each change."""

    @property
    def policy(self) -> FilePolicy:
        """Return the upstreams, the private names and the rules in force."""
        return self.value.policy

    def put_file(self, file: PolicyFile) -> None:
        """Put the rules and the private names of a policy file in force."""
        policy = self._policy_of(file.names, file.policy)
        self._put(lambda known: replace(known, policy=policy))

    def planned(self, file: PolicyFile) -> Basis:
        """Return the basis that there would be with a policy file, without putting it in force.

        Exceptions that teams asked for by PackageExceptions stay: no person writes them into the
        file.
        """
        asked_for = tuple(each for each in self.policy.rules.exceptions if each.source)
        written = tuple(each for each in file.policy.exceptions if not each.source)
        rules = msgspec.structs.replace(file.policy, exceptions=(*written, *asked_for))
        return replace(self.value, policy=self._policy_of(file.names, rules))

    def _policy_of(self, names: Names, rules: PolicyRules) -> FilePolicy:
        private = (*self._configured.private, *names.private)
        policy = replace(self._configured, private=private, rules=rules)
        policy.compile()
        return policy

    def put_advisories(self, advisories: Advisories) -> None:
        """Put advisories in force."""
        self._put(lambda known: replace(known, advisories=advisories))

    def put_quarantine(self, quarantine: Quarantine) -> None:
        """Put what people have quarantined by hand in force."""
        self._put(lambda known: replace(known, quarantine=quarantine))

    def _put(self, change: Callable[[Basis], Basis]) -> None:
        # Two threads may change two parts at the same time: neither change may be lost.
        with self._lock:
            self.value = change(self.value)
