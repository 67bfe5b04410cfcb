"""Gathers what a reconciliation found for the status of a PackageIndex: a pure function."""

from collections.abc import Mapping

from wheelyard_operator.desired.common import selector_labels
from wheelyard_operator.observe import ObservedIndex, staying
from wheelyard_operator.policy_states import FileState, PolicyAnswer
from wheelyard_operator.problems import Problem
from wheelyard_operator.provision.server_probe import Answer
from wheelyard_operator.reconcile.index_children import IndexProgress
from wheelyard_operator.reconcile.server_policy import ServerPolicy
from wheelyard_operator.reconcile.server_sessions import ServerSessions
from wheelyard_operator.resource import Manifest, PackageIndex
from wheelyard_operator.status.conditions import Condition
from wheelyard_operator.status.index import IndexFindings
from wheelyard_operator.status.options import exposed_condition, monitored_condition
from wheelyard_operator.status.policy import PolicyFindings
from wheelyard_operator.status.single_sign_on import single_sign_on_condition


def policy_findings(
    found: ServerPolicy, feed_refusal: Problem | None, answers: Mapping[str, PolicyAnswer | None]
) -> PolicyFindings:
    """Return the findings about a policy; `answers` are those of the ready pods, by name."""
    return PolicyFindings(
        policy=found.policy,
        digest=found.digest,
        exceptions=found.exceptions,
        raised=found.raised,
        cut=found.cut,
        left_out=sorted(found.left_out.first),
        feed_refusal=feed_refusal,
        answers=answers,
    )


def index_findings(
    observed: ObservedIndex,
    progress: IndexProgress,
    pods: tuple[Manifest, ...],
    answers: Mapping[str, Answer | None],
    cluster_domain: str,
) -> IndexFindings:
    """Return the findings; `answers` are those of the ready ones among the pods, by name."""
    index, storage, options = observed.index, progress.storage, progress.options
    return IndexFindings(
        url=index.url(cluster_domain),
        cluster_url=index.cluster_url(cluster_domain),
        selector=",".join(f"{key}={value}" for key, value in selector_labels(index).items()),
        users=progress.users,
        deployment=progress.deployment,
        pods=staying(pods),
        problem=progress.problem,
        storage=storage,
        claim=observed.volume_claim,
        exposed=exposed_condition(index, options.live, options.problems),
        monitored=monitored_condition(index, options.live, options.problems),
        single_sign_on=_single_sign_on(index, progress.sessions, sessions_used(answers), cluster_domain),
        tolerated=(*([storage.tolerated] if storage and storage.tolerated else []), *options.tolerated),
        access_answers={name: answer and answer.usable for name, answer in answers.items()},
    )


def sessions_used(answers: Mapping[str, Answer | None]) -> dict[str, FileState | None]:
    """Return the sessions file of each pod that answered, by name."""
    return {name: answer.sessions for name, answer in answers.items() if answer}


def _single_sign_on(
    index: PackageIndex, sessions: ServerSessions | None, used: Mapping[str, FileState | None], cluster_domain: str
) -> Condition | None:
    sign_on = index.web.single_sign_on
    if sign_on is None or sessions is None:
        return None
    return single_sign_on_condition(sign_on, index.url(cluster_domain), sessions.problem, sessions.digest, used)
