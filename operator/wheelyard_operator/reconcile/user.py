"""Makes one IndexUser so."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from wheelyard_operator import tokens
from wheelyard_operator.apply import is_owned
from wheelyard_operator.desired.access_budget import USER_BYTES, LeftOut, size
from wheelyard_operator.desired.access_file import Login, Trust, is_in_force, knows_issuer, service_accounts
from wheelyard_operator.desired.credentials import ChosenPassword, Credentials
from wheelyard_operator.desired.trusts import IDENTITIES, PUBLISHERS
from wheelyard_operator.desired.user_secret import address_of, user_secret
from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.observe import ObservedUser, observe_user, read_index, read_user
from wheelyard_operator.problems import READY, Problem
from wheelyard_operator.reconcile.access_files import AccessFiles, InForce
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.logins import (
    admitted,
    live_credentials,
    live_secret,
    with_counting_publishers,
    without_held_publishers,
)
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.reconcile.password import chosen_password
from wheelyard_operator.reconcile.refusals import (
    LEAVING,
    as_problem,
    check_field_names,
    is_leaving,
    namespace_ends,
)
from wheelyard_operator.reconcile.report import report, report_pause, report_problem
from wheelyard_operator.reconcile.token_rotation import next_rotation, next_step, seconds_to_next
from wheelyard_operator.reconcile.trust import TrustStage
from wheelyard_operator.resource import IndexUser, Key, PackageIndex
from wheelyard_operator.resource.rights import all_grants, refused, rights
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.conditions import is_stalled
from wheelyard_operator.status.user import UserFindings, not_pinned, user_status

_PENDING_SECONDS = 1.0
_RETRY_SECONDS = 15.0


@dataclass(frozen=True)
class UserReconciler:
    """Brings an IndexUser, its Secret and its status together."""

    kube: Kube
    trust: TrustStage
    settings: Settings
    now: Callable[[], str]
    """RFC 3339."""
    access_files: AccessFiles = field(default_factory=AccessFiles)

    def __call__(self, key: Key) -> Outcome:
        """Reconcile. A deleted user needs nothing: its Secret goes with it, its rights with the index's."""
        user = read_user(self.kube, key)
        if user is None or user.meta.deleting:
            return GONE
        if user.meta.paused:
            return Outcome(state=report_pause(self.kube, user.meta, user.status, self.now()))
        try:
            return self._make(user, Children(self.kube, user.meta))
        except ApiError as error:
            # Not about its Secret: of the user itself, or of what has to be read.
            problem = as_problem(error, user.meta)
            state = report_problem(self.kube, user.meta, user.status, problem, self.now())
            return Outcome(after=_RETRY_SECONDS, state=state)

    def _make(self, user: IndexUser, children: Children) -> Outcome:
        now, findings, credentials = self.now(), UserFindings(), Credentials()
        try:
            index, observed = self._find_index(user), observe_user(self.kube, user)
            self._check_consent(index, observed, children)
            url, refusal = self._address(index, observed)
            findings = UserFindings(
                url=url,
                grants=all_grants(index, user),
                refused=refused(index, user),
            )
            in_force = self.access_files.of(self.kube, index)
            # What there is, should writing what there should be fail.
            credentials = live_credentials(observed) or Credentials()
            findings = _with_secret(findings, credentials, observed)
            wanted, problem = self._credentials(observed, in_force.text, now)
            self._keep_secret(observed, url, wanted, children)
            credentials = wanted
            findings = replace(_with_secret(findings, wanted, observed), has_secret=True)
            if problem := refusal or problem:
                raise problem
            entry = in_force.entry(user)
            counting = with_counting_publishers(user, entry)
            findings = replace(findings, unpinned=[each for each in counting.publishers if not each.is_pinned])
            free = without_held_publishers(
                counting, entry, lambda each: in_force.trusts.holder(user.username, each)
            )
            self._check_publishers(user, counting, free, in_force.text)
            believed = self._check_in_force(index, Login(free, rights(index, user), credentials), in_force)
            findings = replace(findings, taken=_taken(user, free, believed, in_force))
        except Problem as error:
            ends = error.stalled and is_leaving(self.kube, user.meta.namespace)
            findings = replace(findings, problem=namespace_ends(user.meta) if ends else error)
        state = report(self.kube, user.meta, user.status, user_status(user, findings, now), now)
        outcome = _outcome(findings.problem, seconds_to_next(credentials, user.rotation, now))
        return replace(outcome, state=state, ends={"token": findings.next_rotation})

    def _find_index(self, user: IndexUser) -> PackageIndex:
        index = read_index(self.kube, user.index)
        if index is None or index.meta.deleting:
            raise Problem(
                READY,
                "IndexNotFound",
                f"There is no PackageIndex {user.index.name} in namespace {user.index.namespace}: create it,"
                " or delete this user and make one with the right spec.indexRef.",
            )
        return index

    def _check_consent(self, index: PackageIndex, observed: ObservedUser, children: Children) -> None:
        if admitted(index, observed):
            return
        _prune(observed, "", children)
        raise Problem(
            READY,
            "NamespaceNotAllowed",
            f"PackageIndex {index.id} does not accept users of namespace {observed.user.meta.namespace}:"
            " its owner can allow them in spec.access.users.namespaces.",
        )

    def _address(self, index: PackageIndex, observed: ObservedUser) -> tuple[str, Problem | None]:
        """Return the address for the Secret, and why it is not the one that the user asks for, None if it is.

        Then the Secret keeps its address: its token is still rotated, and the previous one still expires.
        """
        try:
            check_field_names(observed.user)
            return self._url(index, observed.user), None
        except Problem as problem:
            secret = live_secret(observed)
            if secret and (kept := address_of(secret)):
                return kept, problem
            raise

    def _url(self, index: PackageIndex, user: IndexUser) -> str:
        if not user.is_external:
            return index.cluster_url(self.settings.cluster_domain)
        if index.external.url:
            return index.external.url
        raise Problem(
            READY,
            "NotExposed",
            f"PackageIndex {index.id} has no address outside of the cluster: set its spec.ingress, spec.httpRoute"
            " or spec.external.url, or set this user's spec.credentials.listener to Cluster.",
        )

    def _credentials(
        self, observed: ObservedUser, access_text: str, now: str
    ) -> tuple[Credentials, Problem | None]:
        """Return what the user's Secret should hold, and what is wrong with the user's password, if anything is."""
        user, current = observed.user, live_credentials(observed) or Credentials()
        password, problem = None, None
        try:
            password = self._password(user, current.password)
        except Problem as error:
            problem = error
        if not user.has_token:
            return Credentials(password=password), problem
        step = next_step(
            current, user.rotation, now, access_text.__contains__, lambda: tokens.new_token(secrets.token_bytes)
        )
        return replace(step, password=password), problem

    def _password(self, user: IndexUser, before: ChosenPassword | None) -> ChosenPassword | None:
        if not user.password_secret_name:
            return None
        secret = self.kube.get("Secret", user.meta.namespace, user.password_secret_name)
        return chosen_password(user, secret, before)

    def _keep_secret(self, observed: ObservedUser, url: str, credentials: Credentials, children: Children) -> None:
        user = observed.user
        children.ensure(user_secret(user, url, credentials))
        _prune(observed, user.secret_name, children)

    def _check_in_force(self, index: PackageIndex, login: Login, in_force: InForce) -> Trust:
        """Raise Problem where the login is not in force; give whose signed tokens the user relies on."""
        user = login.user
        cluster_issuer = self.trust.cluster_issuer() if user.service_accounts else ""
        if user.service_accounts and not cluster_issuer:
            raise _issuer_unavailable("The API server")
        believed = Trust(cluster_issuer, publishers=frozenset(each.issuer for each in user.publishers))
        _check_budget(index, login, believed, in_force.left_out)
        if not is_in_force(in_force.text, login, believed):
            needs = " That index needs somebody first: see its conditions." if is_stalled(index.status) else ""
            message = f"The login is being made known to PackageIndex {index.id}.{needs}"
            raise Problem(READY, "AccessPending", message, stalled=False)
        return believed

    def _check_publishers(self, user: IndexUser, counting: IndexUser, free: IndexUser, access_text: str) -> None:
        for issuer in sorted({each.issuer for each in user.publishers}):
            if not self.settings.trusts(issuer):
                raise Problem(
                    READY,
                    "IssuerNotAllowed",
                    f"spec.trustedPublishers names {issuer}, which this cluster does not trust: have it added to"
                    " oidc.allowedIssuers of the operator's Helm chart.",
                )
        refused = [each for each in user.publishers if each not in counting.publishers]
        if refused:
            raise Problem(READY, "PublisherNotPinned", not_pinned(refused))
        for issuer in sorted({each.issuer for each in free.publishers}):
            if not knows_issuer(access_text, issuer):
                raise _issuer_unavailable(issuer)


def _prune(observed: ObservedUser, keep: str, children: Children) -> None:
    """Remove the user's Secrets under other names than the one to keep."""
    for secret in observed.secrets:
        metadata = secret["metadata"]
        if metadata["name"] != keep and is_owned(secret, observed.user.meta):
            children.remove("Secret", metadata["namespace"], metadata["name"])


def _check_budget(index: PackageIndex, login: Login, trust: Trust, left_out: LeftOut) -> None:
    taken = size(login, trust)
    if taken > USER_BYTES:
        raise Problem(
            READY,
            "OverBudget",
            f"This user takes {taken} bytes of the access file of PackageIndex {index.id}, and may take"
            f" {USER_BYTES}: write fewer or shorter groups, grants, serviceAccounts and trustedPublishers. Until"
            " then it has no login.",
        )
    if reason := left_out.reason(index, login.user):
        raise Problem(READY, "OverBudget", reason)


def _taken(user: IndexUser, free: IndexUser, trust: Trust, in_force: InForce) -> tuple[str, ...]:
    """Return the jobs and ServiceAccounts that log in as another user, who is not named where it is a stranger.

    Of the user's jobs, those of `free` may be in force.
    """
    if not (user.publishers or user.service_accounts):
        return ()
    trusts = in_force.trusts
    wanted = ((PUBLISHERS, free.publishers), (IDENTITIES, service_accounts(user, trust)))
    held = [each for each in user.publishers if each not in free.publishers]
    found = [
        *((identity, trusts.holder(user.username, identity)) for identity in held),
        *((each, trusts.before(user.username, way, each)) for way, identities in wanted for each in identities),
    ]
    own = f"{user.meta.namespace}."
    return tuple(f"{each} (as {who if who.startswith(own) else 'another user'})" for each, who in found if who)


def _with_secret(findings: UserFindings, credentials: Credentials, observed: ObservedUser) -> UserFindings:
    user = observed.user
    own = {each["metadata"]["name"] for each in observed.secrets if is_owned(each, user.meta)}
    return replace(
        findings,
        has_secret=user.secret_name in own,
        token_issued=credentials.issued,
        next_rotation=next_rotation(credentials, user.rotation),
        previous_token_until=max((each.until for each in credentials.previous), default=""),
    )


def _outcome(problem: Problem | None, step: float | None) -> Outcome:
    if problem is not None:
        # A namespace may be on its way out for days.
        is_slow = problem.stalled or problem.reason == LEAVING
        return Outcome(after=_RETRY_SECONDS if is_slow else _PENDING_SECONDS)
    return Outcome(after=None if step is None else max(step, _PENDING_SECONDS))


def _issuer_unavailable(who: str) -> Problem:
    message = f"{who} has not given its public keys yet: see the operator's log."
    return Problem(READY, "IssuerUnavailable", message, stalled=False)
