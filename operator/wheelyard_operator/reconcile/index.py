"""Reconciles one PackageIndex: which part of its life it is in, and what its status says."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from wheelyard_operator.desired.certificates import certificate_expiry
from wheelyard_operator.kube import ApiError, Kube
from wheelyard_operator.observe import ObservedIndex, is_terminating, observe_index, read_index, read_pods, staying
from wheelyard_operator.provision.server_probe import Answer, AskEvents, AskPolicy, AskServer, AskUpstreams
from wheelyard_operator.reconcile.api_refusals import as_problem, namespace_terminates
from wheelyard_operator.reconcile.children import Children
from wheelyard_operator.reconcile.endpoints import BusyError
from wheelyard_operator.reconcile.feed_policy import feed_refusal
from wheelyard_operator.reconcile.finalizers import Finalizers, missing_finalizers
from wheelyard_operator.reconcile.index_children import IndexChildren, IndexProgress
from wheelyard_operator.reconcile.index_findings import index_findings, policy_findings, sessions_used
from wheelyard_operator.reconcile.index_removal import IndexRemoval
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.reconcile.report import report, report_pause, report_problem
from wheelyard_operator.reconcile.server_sessions import SessionsStage
from wheelyard_operator.reconcile.storage import StorageStage
from wheelyard_operator.reconcile.trusted_issuers import TrustedIssuersStage
from wheelyard_operator.reconcile.upstream_tokens import UpstreamTokens
from wheelyard_operator.reconcile.webhook_policy import webhook_problem
from wheelyard_operator.resource import Key, Manifest, PackageIndex
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.conditions import Condition, is_stalled
from wheelyard_operator.status.index import index_status
from wheelyard_operator.status.policy import PolicyFindings
from wheelyard_operator.status.rollout import is_ready
from wheelyard_operator.status.single_sign_on import is_pending
from wheelyard_operator.status.upstreams import upstreams_condition
from wheelyard_operator.status.webhook import webhook_condition

_RETRY_SECONDS = 10.0
_SOON_SECONDS = 3.0


@dataclass(frozen=True)
class IndexReconciler:
    """Brings a PackageIndex, its children and its status together."""

    kube: Kube
    storage: StorageStage
    issuers: TrustedIssuersStage
    tokens: UpstreamTokens
    sessions: SessionsStage
    ask_server: AskServer
    ask_upstreams: AskUpstreams
    ask_policy: AskPolicy
    ask_events: AskEvents
    settings: Settings
    now: Callable[[], str]
    """RFC 3339."""

    def __call__(self, key: Key) -> Outcome:
        """Reconcile; if it is interrupted anywhere, the next call goes on from what exists."""
        index = read_index(self.kube, key)
        if index is None:
            return GONE
        try:
            return self._reconcile(index)
        except BusyError:
            # Nothing new is known, so the status stays as it is.
            return Outcome(after=_SOON_SECONDS)
        except ApiError as error:
            # Not about a child, but about the index itself or what must be read.
            problem = as_problem(error, index.meta)
            state = report_problem(self.kube, index.meta, index.status, problem, self.now())
            return Outcome(after=_RETRY_SECONDS, state=state)

    def _reconcile(self, index: PackageIndex) -> Outcome:
        if index.meta.deleting:
            return IndexRemoval(self.kube, self.storage, self.settings, self.now)(index)
        if index.meta.paused:
            return Outcome(state=report_pause(self.kube, index.meta, index.status, self.now()))
        if missing := missing_finalizers(index):
            # Before anything is created that the garbage collector does not know.
            live = Finalizers(self.kube).add(index, missing)
            if live is None:
                # Deleted meanwhile: nothing would ever remove what is created now.
                return GONE
            index = live
        return self._apply(observe_index(self.kube, index))

    def _apply(self, observed: ObservedIndex) -> Outcome:
        children = Children(self.kube, observed.index.meta)
        progress = IndexChildren(self.storage, self.issuers, self.tokens, self.sessions, self.settings).apply(
            observed, children, self.now()
        )
        # Only now: a pod that came since the access file was written must be asked, too.
        pods = read_pods(self.kube, observed.index)
        answers = self._ask_servers(pods)
        if progress.access is not None and progress.problem is None:
            progress.problem = progress.access.follow_formats(pods, answers, children)
        policy = self._policy(pods, progress, answers)
        state = self._report(observed, progress, pods, answers, policy)
        expiries = {
            "key": progress.storage.next_rotation if progress.storage else "",
            "certificate": certificate_expiry(observed.certificate_secret),
        }
        return Outcome(after=_seconds_to_next(progress, policy, answers), state=state, ends=expiries)

    def _ask_servers(self, pods: tuple[Manifest, ...]) -> dict[str, Answer | None]:
        ready = (pod for pod in staying(pods) if is_ready(pod))
        return {pod["metadata"]["name"]: self.ask_server(pod) for pod in ready}

    def _upstreams(
        self,
        index: PackageIndex,
        pods: tuple[Manifest, ...],
        progress: IndexProgress,
        answers: dict[str, Answer | None],
    ) -> Condition | None:
        if not index.upstreams:
            return None
        states = {pod["metadata"]["name"]: self.ask_upstreams(pod) for pod in _talking(pods, answers)}
        return upstreams_condition(index, progress.upstream_problems, states)

    def _webhook(
        self, observed: ObservedIndex, pods: tuple[Manifest, ...], answers: dict[str, Answer | None]
    ) -> Condition | None:
        if observed.index.webhook is None:
            return None
        problem = webhook_problem(observed, self.settings.egress)
        asked = (
            {} if problem else {pod["metadata"]["name"]: self.ask_events(pod) for pod in _talking(pods, answers)}
        )
        return webhook_condition(problem, asked)

    def _policy(
        self, pods: tuple[Manifest, ...], progress: IndexProgress, answers: dict[str, Answer | None]
    ) -> PolicyFindings | None:
        if progress.policy is None:
            return None
        asked = {pod["metadata"]["name"]: self.ask_policy(pod) for pod in _talking(pods, answers)}
        refusal = feed_refusal(progress.policy.index, self.settings.egress)
        return policy_findings(progress.policy, refusal, {**dict.fromkeys(answers), **asked})

    def _report(
        self,
        observed: ObservedIndex,
        progress: IndexProgress,
        pods: tuple[Manifest, ...],
        answers: dict[str, Answer | None],
        policy: PolicyFindings | None,
    ) -> str:
        index, now = observed.index, self.now()
        findings = index_findings(observed, progress, pods, answers, self.settings.cluster_domain)
        upstreams = self._upstreams(index, pods, progress, answers)
        webhook = self._webhook(observed, pods, answers)
        findings = replace(findings, upstreams=upstreams, webhook=webhook, policy=policy)
        status = index_status(index, findings, now)
        if is_stalled(status) and is_terminating(self.kube, index.meta.namespace):
            findings = replace(findings, problem=namespace_terminates(index.meta), exposed=None)
            status = index_status(index, findings, now)
        return report(self.kube, index.meta, index.status, status, now)


def _talking(pods: tuple[Manifest, ...], answers: dict[str, Answer | None]) -> list[Manifest]:
    """Return the pods to ask more: one that has just not answered would cost its second and a half once more."""
    return [pod for pod in pods if answers.get(pod["metadata"]["name"]) is not None]


def _seconds_to_next(
    progress: IndexProgress, policy: PolicyFindings | None, answers: dict[str, Answer | None]
) -> float | None:
    if progress.problem or progress.options.problems:
        return _RETRY_SECONDS
    sessions = progress.sessions
    if sessions and is_pending(sessions.digest, sessions_used(answers)):
        return _SOON_SECONDS
    if policy and policy.is_pending:
        return _SOON_SECONDS
    return _SOON_SECONDS if progress.storage and progress.storage.is_rotating else None
