"""Reconciles one IndexUser: its Secret, whether its login is in force, and its status."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_file import AcceptedUser
from wheelyard_operator.desired.credentials import Credentials
from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.observe import ObservedUser, is_terminating, observe_user, read_index, read_user
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.accepted_users import (
    is_admitted,
    live_credentials,
    with_allowed_publishers,
    without_held_publishers,
)
from wheelyard_operator.reconcile.access_files import AccessFiles, InForce
from wheelyard_operator.reconcile.api_refusals import TERMINATING, as_problem, namespace_terminates
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.reconcile.report import report, report_pause, report_problem
from wheelyard_operator.reconcile.token_rotation import next_rotation, seconds_to_next
from wheelyard_operator.reconcile.trusted_issuers import TrustedIssuersStage
from wheelyard_operator.reconcile.user_checks import (
    check_in_force,
    check_index,
    check_issuers,
    check_publishers,
    not_admitted,
    taken_identities,
)
from wheelyard_operator.reconcile.user_credentials import (
    keep_secret,
    remove_secrets,
    secret_address,
    wanted_credentials,
)
from wheelyard_operator.resource import IndexUser, Key, PackageIndex
from wheelyard_operator.resource.rights import all_grants, refused, rights
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.user import UserFindings, user_status

_PENDING_SECONDS = 1.0
_RETRY_SECONDS = 15.0


@dataclass
class _Progress:
    """What one reconciliation has found and written so far."""

    findings: UserFindings = field(default_factory=UserFindings)
    credentials: Credentials = field(default_factory=Credentials)


@dataclass(frozen=True)
class UserReconciler:
    """Brings an IndexUser, its Secret and its status together."""

    kube: Kube
    issuers: TrustedIssuersStage
    settings: Settings
    now: Callable[[], str]
    """RFC 3339."""
    access_files: AccessFiles = field(default_factory=AccessFiles)

    def __call__(self, key: Key) -> Outcome:
        """Reconcile.

        A deleted user needs nothing: its Secret is collected, its index drops its rights.
        """
        user = read_user(self.kube, key)
        if user is None or user.meta.deleting:
            return GONE
        if user.meta.paused:
            return Outcome(state=report_pause(self.kube, user.meta, user.status, self.now()))
        try:
            return self._reconcile(user)
        except ApiError as error:
            # Not about its Secret, but about the user itself or what must be read.
            problem = as_problem(error, user.meta)
            state = report_problem(self.kube, user.meta, user.status, problem, self.now())
            return Outcome(after=_RETRY_SECONDS, state=state)

    def _reconcile(self, user: IndexUser) -> Outcome:
        now, progress = self.now(), _Progress()
        try:
            index = check_index(read_index(self.kube, user.index), user)
            self._apply(index, observe_user(self.kube, user), now, progress)
        except Problem as problem:
            ends = problem.stalled and is_terminating(self.kube, user.meta.namespace)
            problem = namespace_terminates(user.meta) if ends else problem
            progress.findings = replace(progress.findings, problem=problem)
        findings = progress.findings
        state = report(self.kube, user.meta, user.status, user_status(user, findings, now), now)
        after = _seconds_to_next(findings.problem, seconds_to_next(progress.credentials, user.rotation, now))
        return Outcome(after=after, state=state, ends={"token": findings.next_rotation})

    def _apply(self, index: PackageIndex, observed: ObservedUser, now: str, progress: _Progress) -> None:
        user, children = observed.user, Children(self.kube, observed.user.meta)
        if not is_admitted(index, observed):
            remove_secrets(observed, children)
            raise not_admitted(index, user)
        url, refusal = secret_address(index, observed, self.settings.cluster_domain)
        progress.findings = UserFindings(url=url, grants=all_grants(index, user), refused=refused(index, user))
        in_force = self.access_files.of(self.kube, index)
        # What exists, in case writing what should exist fails.
        _record(progress, live_credentials(observed) or Credentials(), observed)
        wanted, problem = wanted_credentials(observed, in_force.text, now)
        keep_secret(observed, url, wanted, children)
        _record(progress, wanted, observed)
        progress.findings = replace(progress.findings, has_secret=True)
        if problem := refusal or problem:
            raise problem
        self._check_login(index, user, in_force, progress)

    def _check_login(self, index: PackageIndex, user: IndexUser, in_force: InForce, progress: _Progress) -> None:
        """Raise Problem if the login is not in force."""
        entry = in_force.entry(user)
        allowed = with_allowed_publishers(user, entry)
        unpinned = [each for each in allowed.publishers if not each.is_pinned]
        progress.findings = replace(progress.findings, unpinned=unpinned)
        free = without_held_publishers(allowed, entry, lambda each: in_force.order.holder(user.username, each))
        check_issuers(user, self.settings)
        check_publishers(user, allowed, free, in_force.text)
        cluster_issuer = self.issuers.cluster_issuer() if user.service_accounts else ""
        accepted = AcceptedUser(free, rights(index, user), progress.credentials)
        check_in_force(index, accepted, cluster_issuer, in_force)
        taken = taken_identities(user, free, cluster_issuer, in_force)
        progress.findings = replace(progress.findings, taken=taken)


def _record(progress: _Progress, credentials: Credentials, observed: ObservedUser) -> None:
    user = observed.user
    own = {each["metadata"]["name"] for each in observed.secrets if is_owned(each, user.meta)}
    progress.credentials = credentials
    progress.findings = replace(
        progress.findings,
        has_secret=user.secret_name in own,
        token_issued=credentials.issued,
        next_rotation=next_rotation(credentials, user.rotation),
        previous_token_until=max((each.until for each in credentials.previous), default=""),
    )


def _seconds_to_next(problem: Problem | None, step: float | None) -> float | None:
    if problem is not None:
        # A namespace may be terminating for days.
        is_slow = problem.stalled or problem.reason == TERMINATING
        return _RETRY_SECONDS if is_slow else _PENDING_SECONDS
    return None if step is None else max(step, _PENDING_SECONDS)
