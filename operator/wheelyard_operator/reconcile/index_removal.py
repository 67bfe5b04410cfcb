"""Removes what a deleted PackageIndex leaves behind that no garbage collector knows."""

from collections.abc import Callable
from dataclasses import dataclass

from wheelyard_operator.kube import Kube
from wheelyard_operator.observe import read_deployment
from wheelyard_operator.problems import Problem
from wheelyard_operator.reconcile.finalizers import Finalizers
from wheelyard_operator.reconcile.outcome import GONE, Outcome
from wheelyard_operator.reconcile.report import report
from wheelyard_operator.reconcile.server_removal import end_servers
from wheelyard_operator.reconcile.storage import StorageStage
from wheelyard_operator.resource import BUCKET_FINALIZER, FINALIZER, PackageIndex, S3Storage
from wheelyard_operator.settings import Settings
from wheelyard_operator.status.index import IndexFindings, index_status

_RETRY_SECONDS = 10.0
_SOON_SECONDS = 3.0


@dataclass(frozen=True)
class IndexRemoval:
    """Removes the servers first, so that nothing is written any more, then bucket and IAM user."""

    kube: Kube
    storage: StorageStage
    settings: Settings
    now: Callable[[], str]

    def __call__(self, index: PackageIndex) -> Outcome:
        """Remove everything, one finalizer after the other."""
        if not {BUCKET_FINALIZER, FINALIZER} & set(index.meta.finalizers):
            return GONE
        try:
            end_servers(self.kube, index, self.now())
            live = Finalizers(self.kube).remove(index, self._remove_next(index))
        except Problem as problem:
            state = self._report(index, problem)
            return Outcome(after=_RETRY_SECONDS if problem.stalled else _SOON_SECONDS, state=state)
        return self(live) if live else GONE

    def _remove_next(self, index: PackageIndex) -> str:
        """Remove the bucket or the user; return the finalizer that this fulfills."""
        if BUCKET_FINALIZER not in index.meta.finalizers:
            self.storage.release(index)
            return FINALIZER
        # The policy may have been set to Retain since.
        if isinstance(index.storage, S3Storage) and index.delete_storage:
            self.storage.remove(index, index.storage)
        return BUCKET_FINALIZER

    def _report(self, index: PackageIndex, problem: Problem) -> str:
        message, now = f"Being deleted, which waits for: {problem.message}", self.now()
        findings = IndexFindings(
            url=index.url(self.settings.cluster_domain),
            cluster_url=index.cluster_url(self.settings.cluster_domain),
            selector=str(index.status.get("selector", "")),
            users=0,
            deployment=read_deployment(self.kube, index),
            pods=(),
            problem=Problem(problem.condition, problem.reason, message, stalled=problem.stalled),
        )
        return report(self.kube, index.meta, index.status, index_status(index, findings, now), now)
