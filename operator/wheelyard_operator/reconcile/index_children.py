"""Applies everything that a PackageIndex should have, in order, and records how far it came."""

from dataclasses import dataclass, field

from wheelyard_operator.desired.common import content_digest
from wheelyard_operator.desired.configmap import configmap
from wheelyard_operator.desired.deployment import deployment
from wheelyard_operator.desired.index_file import index_file
from wheelyard_operator.desired.service import service
from wheelyard_operator.desired.serviceaccount import serviceaccount
from wheelyard_operator.observe import ObservedIndex
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.accepted_users import accepted_users
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.feed_policy import without_refused_feed
from wheelyard_operator.reconcile.optional_children import OptionalChildren, apply_optional_children
from wheelyard_operator.reconcile.renamed_fields import check_field_names
from wheelyard_operator.reconcile.server_access import ServerAccess, own_access_secret
from wheelyard_operator.reconcile.server_policy import ServerPolicy
from wheelyard_operator.reconcile.server_sessions import ServerSessions, SessionsStage
from wheelyard_operator.reconcile.storage import StorageStage
from wheelyard_operator.reconcile.trusted_issuers import TrustedIssuersStage
from wheelyard_operator.reconcile.unused_credentials import remove_unused_credentials
from wheelyard_operator.reconcile.upstream_policy import (
    blocked_upstreams,
    missing_credentials,
    without_refused_secrets,
)
from wheelyard_operator.reconcile.upstream_tokens import UpstreamTokens
from wheelyard_operator.reconcile.webhook_policy import without_refused_webhook
from wheelyard_operator.resource import Manifest
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.storage import ReadyStorage


@dataclass
class IndexProgress:
    """What one reconciliation has done; what it did not reach has its default."""

    users: int
    """Users with a login."""
    deployment: Manifest | None
    access: ServerAccess | None = None
    options: OptionalChildren = field(default_factory=OptionalChildren)
    storage: ReadyStorage | None = None
    upstream_problems: dict[str, Problem] = field(default_factory=dict)
    """Why upstreams cannot be used, by their names."""
    policy: ServerPolicy | None = None
    """None also for an index without a policy."""
    problem: Problem | None = None
    """What ended it early, or what keeps rights from being in force at once."""

    @property
    def sessions(self) -> ServerSessions | None:
        """What servers got for sessions; None also for an index without pages."""
        return self.access.sessions if self.access else None


@dataclass(frozen=True)
class IndexChildren:
    """Applies the children of an index."""

    storage: StorageStage
    issuers: TrustedIssuersStage
    tokens: UpstreamTokens
    sessions: SessionsStage
    settings: Settings

    def apply(self, observed: ObservedIndex, children: Children, now: str) -> IndexProgress:
        """Apply until something is in the way. `now` is RFC 3339."""
        accepted = accepted_users(observed)
        progress = IndexProgress(len(accepted), observed.deployment)
        try:
            secret = own_access_secret(observed)
            issuers = self.issuers.find((each.user for each in accepted), secret)
            sessions = self.sessions.find(observed, secret, now)
            progress.access = ServerAccess.of(observed, accepted, issuers, sessions)
            progress.users = progress.access.users
            egress = self.settings.egress
            permitted = without_refused_feed(without_refused_webhook(observed, egress), egress)
            lacks_feed = bool(observed.index.upstreams) and permitted.index.feed is None
            minimum = self.settings.policy_minimum
            progress.policy = ServerPolicy.of(observed, minimum, now, lacks_feed=lacks_feed)
            self._apply_urgent(observed, progress.access, children, progress)
            self._apply_rest(without_refused_secrets(permitted), children, progress)
        except Problem as problem:
            progress.problem = problem
        return progress

    def _apply_urgent(
        self, observed: ObservedIndex, access: ServerAccess, children: Children, progress: IndexProgress
    ) -> None:
        try:
            progress.problem = self._apply_access_and_service(access, children)
        finally:
            # Tokens expire, and malware is found, whatever is wrong with the rest.
            progress.upstream_problems = self._keep_credentials(observed, children)
            late = progress.policy.deliver(children) if progress.policy else None
        progress.problem = progress.problem or late

    def _apply_access_and_service(self, access: ServerAccess, children: Children) -> Problem | None:
        """Keep current what running pods need, whatever is wrong with the storage.

        Return what keeps rights from being in force at once: the rest may go on.
        """
        problem, index = access.deliver(children), access.index
        children.ensure(serviceaccount(index, self.settings))
        children.ensure(service(index))
        return problem

    def _keep_credentials(self, observed: ObservedIndex, children: Children) -> dict[str, Problem]:
        """Keep the credentials for upstreams; return why upstreams cannot be used, by their names."""
        blocked = blocked_upstreams(observed.index, self.settings.egress)
        tokens = self.tokens.keep(observed, blocked, children)
        return {**missing_credentials(observed), **tokens, **blocked}

    def _apply_rest(self, observed: ObservedIndex, children: Children, progress: IndexProgress) -> None:
        check_field_names(observed.index)
        token_host = progress.sessions.token_host if progress.sessions else ""
        progress.options = apply_optional_children(observed.index, self.settings, children, token_host)
        progress.storage = self.storage.prepare(observed, children)
        progress.deployment = self._deploy(observed, progress.storage, children)
        remove_unused_credentials(observed, progress.deployment, progress.storage, self.storage, children)

    def _deploy(self, observed: ObservedIndex, ready: ReadyStorage, children: Children) -> Manifest:
        index, previous = observed.index, observed.deployment
        index_yaml = index_file(index, self.settings, blocked_upstreams(index, self.settings.egress))
        children.ensure(configmap(index, index_yaml))
        scaled = index.autoscaling is not None and previous is not None
        if scaled and previous is not None:
            children.hand_over_field(previous, "replicas")
        return children.ensure(
            deployment(
                index,
                self.settings,
                config_digest=content_digest(index_yaml),
                credentials_digest=ready.credentials_digest,
                scaled=scaled,
            )
        )
