"""Gives running index servers their access file and storage format, without a restart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wheelyard_operator.apply import is_owned
from wheelyard_operator.condition_types import ACCESS_IN_FORCE
from wheelyard_operator.desired.access_budget import LeftOut, fitting
from wheelyard_operator.desired.access_file import AcceptedUser, TrustedIssuers, access_file
from wheelyard_operator.desired.access_secret import access_secret
from wheelyard_operator.desired.common import ACCESS_ANNOTATION, content_digest
from wheelyard_operator.desired.sessions import with_sessions
from wheelyard_operator.desired.storage_format import allowed_format, read_format
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.server_probe import Answer
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.pod_annotations import annotate_pods
from wheelyard_operator.reconcile.server_sessions import ServerSessions
from wheelyard_operator.resource import OLDEST_FORMAT, Manifest, PackageIndex
from wheelyard_operator.status.rollout import has_ended


@dataclass(frozen=True)
class ServerAccess:
    """The content of an index's access Secret, which its pods mount."""

    index: PackageIndex
    access_text: str
    minting_key: str
    left_out: LeftOut
    users: int
    """Users with a login."""
    storage_format: int
    sessions: ServerSessions | None = None
    """None for an index without pages."""

    @classmethod
    def of(
        cls,
        observed: ObservedIndex,
        accepted: tuple[AcceptedUser, ...],
        issuers: TrustedIssuers,
        sessions: ServerSessions | None,
    ) -> "ServerAccess":
        """Return the access of the accepted users for whom there is room."""
        index = observed.index
        fits, left_out = fitting(index, accepted, issuers, sessions.size if sessions else 0)
        text = access_file(index, fits, issuers)
        storage_format = read_format(own_access_secret(observed))
        return cls(index, text, issuers.minting_key, left_out, len(fits), storage_format, sessions)

    def deliver(self, children: Children) -> Problem | None:
        """Write the Secret and have the kubelets sync it.

        Return what keeps it from being in force at once.
        """
        secret = access_secret(self.index, self.access_text, self.minting_key, self.left_out, self.storage_format)
        if self.sessions:
            secret = with_sessions(secret, self.sessions.text, self.sessions.record)
        children.ensure(secret, ACCESS_IN_FORCE)
        return annotate_pods(self.index, ACCESS_ANNOTATION, self._digest, children, ACCESS_IN_FORCE)

    def follow_formats(
        self, pods: Sequence[Manifest], answers: Mapping[str, Answer | None], children: Children
    ) -> Problem | None:
        """Let the servers write the newest format that all know.

        `answers` are those of ready pods.
        """
        running = [pod["metadata"]["name"] for pod in pods if not has_ended(pod)]
        answered = [answers.get(name) for name in running]
        storage_format = allowed_format(self.storage_format, [each and each.known_format for each in answered])
        if storage_format == self.storage_format:
            return None
        try:
            return replace(self, storage_format=storage_format).deliver(children)
        except Problem as problem:
            return problem

    @property
    def _digest(self) -> str:
        storage_format = [self.storage_format] if self.storage_format > OLDEST_FORMAT else []
        sessions = [self.sessions.text] if self.sessions else []
        return content_digest([self.access_text, *storage_format, *sessions])


def own_access_secret(observed: ObservedIndex) -> Manifest | None:
    """Return the access Secret that was made for exactly this index, None if there is none."""
    secret = observed.access_secret
    return secret if secret and is_owned(secret, observed.index.meta) else None
